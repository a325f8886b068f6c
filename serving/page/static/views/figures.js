/* Cards' contents from the service's figures. */

import { histogram, shares } from "../charts/spark.js";
import { chartTable, element, scrolled, table } from "../dom.js";
import { count, percent, seconds, words } from "../format.js";
import { buckets } from "../metrics.js";

const BATCH_ROWS = "stocks_batch_rows";
const LAYERS = {
  memory: "Memory", redis: "Redis", prediction: "Forecast known, price new", miss: "Computed", stale: "An earlier answer, marked", bypass: "Computed on request",
};

/** Percentiles of each route, the busiest first. */
export function latency({ request_performance: routes }) {
  const rows = Object.entries(routes).sort(([, one], [, other]) => other.count - one.count).map(([route, figures]) => [
    element("code", {}, route), count(figures.count), seconds(figures.p50_time), seconds(figures.p95_time), seconds(figures.p99_time), percent(figures.error_rate),
  ]);
  return scrolled("Latency by route", table("Time to answer", ["Route", "Requests", "50 %", "95 %", "99 %", "Errors"], rows, [1, 2, 3, 4, 5]));
}

/** Which layer answered predictions. */
export function caches({ by_layer: byLayer }) {
  const parts = Object.entries(LAYERS).filter(([layer]) => byLayer[layer]).map(([layer, label]) => ({ kind: layer, label, value: byLayer[layer] }));
  if (!parts.length) return [element("p", { class: "empty" }, "Nobody asked for a prediction in the last quarter of an hour.")];
  const whole = parts.reduce((sum, { value }) => sum + value, 0);
  const named = (kind, label) => element("span", {}, element("span", { class: `swatch layer-${kind}`, "aria-hidden": "true" }), label);
  const rows = parts.map(({ kind, label, value }) => [named(kind, label), count(value), percent(value / whole)]);
  const found = table("Predictions of the last quarter of an hour", ["Layer", "Answers", "Share"], rows, [1, 2]);
  return [shares(parts, "Shares of the layers"), scrolled("Layers", found)];
}

/** How many rows travelled together. */
export function batches(exposition) {
  const found = buckets(exposition, BATCH_ROWS);
  if (!found.length) return [element("p", { class: "empty" }, "No model was asked yet.")];
  const name = ({ bound }, index) => {
    const from = (found[index - 1]?.bound ?? 0) + 1;
    return bound === Infinity ? `${from}+` : from === bound ? String(bound) : `${from}–${bound}`;
  };
  const bars = found.map((bucket, index) => ({ label: name(bucket, index), count: bucket.count }));
  const rows = bars.map((bar) => [bar.label, count(bar.count)]);
  return [histogram(bars, "Calls of the forests by their number of rows"), chartTable("As a table", () => table("Calls by their number of rows", ["Rows", "Calls"], rows, [1]))];
}

/** What each provider was asked, and may be. */
export function providers(usage) {
  const names = Object.keys(usage);
  if (!names.length) return element("p", { class: "empty" }, "No provider over a network is configured.");
  const rows = names.map((name) => {
    const { used_today: used, limit_today: limit } = usage[name];
    const bar = limit ? shares([{ kind: "used", value: used }, { kind: "left", value: Math.max(0, limit - used) }], `${used} of ${limit}`) : "no limit";
    return [words(name), count(used), limit ? count(limit) : "–", bar];
  });
  return scrolled("Providers", table("Requests and limits of a day", ["Provider", "Made", "Allowed", "Share"], rows, [1, 2]));
}

/** How the start went. */
export function warmUp({ duration_seconds: took, models_loaded: loaded, models_trained: trained, errors }) {
  const facts = [
    ["Warm after", took === null ? "not yet warm" : seconds(took)],
    ["Models that answer", count(loaded)],
    ["Trained since", count(trained)],
    ["Errors", errors.length ? errors.join("; ") : "none"],
  ];
  return element("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}
