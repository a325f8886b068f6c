/* Questions to the service this page came from. */

const TIMEOUT = 60000;
// Small parts, so that the first rows are there at once, and few at a time, so that others are answered too.
const MOST_TICKERS = 50;
const PARTS_AT_ONCE = 2;
const QUESTIONS_AT_ONCE = 6;
// A service that has too much to do is asked again for less, a little later.
const BUSY = [429, 502, 503, 504];
const TRIES = 3;
const LONGEST_PAUSE = 5;

/**
 * A question that got no answer, or an answer that says no; `status` is 0 when the service was not reached, `after` the
 * seconds after which to ask again.
 */
export class Refused extends Error {
  constructor(status, detail, after = 1) {
    super(detail);
    this.status = status;
    this.after = after;
  }
}

/** The JSON at `path`; raises Refused. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return (await ask(query ? `${path}?${query}` : path)).json();
}

/** The text at `path`; raises Refused. */
export const getText = async (path) => (await ask(path)).text();

/**
 * Predictions and problems of all tickers, in requests of MOST_TICKERS each. `arrived` gets each answer as it comes,
 * `failed` the tickers that stay without one, and why. Nothing is told any more once `signal` is aborted.
 */
export async function predictAll(tickers, horizon, { arrived, failed, signal }) {
  const parts = [];
  for (let start = 0; start < tickers.length; start += MOST_TICKERS) parts.push(tickers.slice(start, start + MOST_TICKERS));
  await mapFew(parts, (part) => predictPart(part, TRIES), PARTS_AT_ONCE);

  async function predictPart(part, tries) {
    if (signal.aborted) return;
    try {
      const response = await ask("/predict", { method: "POST", body: { tickers: part, horizon }, signal });
      const answer = await response.json();
      if (!signal.aborted) arrived(answer);
    } catch (error) {
      if (signal.aborted) return;
      if (tries > 1 && BUSY.includes(error.status)) await predictHalves(part, tries - 1, error.after);
      else failed(part, error);
    }
  }

  async function predictHalves(part, tries, after) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * after));
    const middle = Math.ceil(part.length / 2);
    for (const half of [part.slice(0, middle), part.slice(middle)]) if (half.length) await predictPart(half, tries);
  }
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

async function ask(path, { method = "GET", body = null, headers = {}, signal = null } = {}) {
  const ends = [AbortSignal.timeout(TIMEOUT), signal].filter(Boolean);
  const request = { method, headers: { ...headers }, signal: AbortSignal.any(ends) };
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
  if (!response.ok) throw new Refused(response.status, await detail(response), pause(response));
  return response;
}

function pause(response) {
  const asked = Number(response.headers.get("Retry-After"));
  return Math.min(LONGEST_PAUSE, asked > 0 ? asked : 1);
}

async function detail(response) {
  try {
    return (await response.json()).detail ?? response.statusText;
  } catch {
    return response.statusText || `status ${response.status}`;
  }
}
