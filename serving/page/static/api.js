/* Questions to the service this page came from. */

const TIMEOUT = 60000;
// Small parts, so that the first rows are there at once, and few at a time, so that others are answered too.
const MOST_TICKERS = 50;
const PARTS_AT_ONCE = 2;
const QUESTIONS_AT_ONCE = 6;

/** A question that got no answer, or an answer that says no; `status` is 0 when the service was not reached. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The JSON at `path`; raises Refused. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return (await ask(query ? `${path}?${query}` : path)).json();
}

/** The text at `path`; raises Refused. */
export const getText = async (path) => (await ask(path)).text();

/** Predictions and problems of all tickers, in requests of MOST_TICKERS each; `arrived` gets each answer's part. */
export async function predictAll(tickers, horizon, arrived) {
  const parts = [];
  for (let start = 0; start < tickers.length; start += MOST_TICKERS) parts.push(tickers.slice(start, start + MOST_TICKERS));
  const predict = async (part) => arrived(await (await ask("/predict", { method: "POST", body: { tickers: part, horizon } })).json());
  await mapFew(parts, predict, PARTS_AT_ONCE);
}

/** Queue a training; with `key` when one is needed. */
export async function retrain(ticker, horizon, key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const path = `/model/retrain/${encodeURIComponent(ticker)}?horizon=${horizon}`;
  return (await ask(path, { method: "POST", headers })).json();
}

/** What `work` gives for each of `items`, a few at a time. */
export async function mapFew(items, work, lanes = QUESTIONS_AT_ONCE) {
  const results = new Array(items.length);
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}

async function ask(path, { method = "GET", body = null, headers = {} } = {}) {
  const request = { method, headers: { ...headers }, signal: AbortSignal.timeout(TIMEOUT) };
  if (body) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Refused(0, "The service does not answer.");
  }
  if (!response.ok) throw new Refused(response.status, await detail(response));
  return response;
}

async function detail(response) {
  try {
    return (await response.json()).detail ?? response.statusText;
  } catch {
    return response.statusText || `status ${response.status}`;
  }
}
