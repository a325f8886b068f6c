/* The figures that matter most, each with what it was lately. */

import { spark } from "../charts/spark.js";
import { element, fill } from "../dom.js";
import { count, percent, seconds } from "../format.js";
import { total } from "../metrics.js";

const REMEMBERED = 120;
// Words of their own: "healthy" and "degraded" at the top are about parts that work, these about speed and errors.
const PERFORMANCE = { optimal: "Within limits", degraded: "Beyond limits", critical: "Failing" };
const REQUESTS = "stocks_request_seconds_count";

/** Tiles that are told new figures every few seconds. */
export class Tiles {
  constructor() {
    this.list = element("dl", { class: "tiles" });
    this.seen = { rate: [], p95: [], memory: [] };
    this.before = null;
  }

  tell(figures, summary, exposition) {
    const now = { at: performance.now(), requests: total(exposition, REQUESTS) };
    if (this.before) this.remember("rate", Math.max(0, (1000 * (now.requests - this.before.requests)) / (now.at - this.before.at)));
    this.before = now;
    this.remember("p95", summary.api_performance.p95_response_time);
    this.remember("memory", summary.memory_usage_mb);
    const { cache_performance: cache, memory_usage: memory } = figures;
    const predictions = figures.request_performance["GET /predict/{ticker}"];
    fill(this.list,
      tile("Performance", element("span", { class: `pill ${summary.status}` }, PERFORMANCE[summary.status]), summary.reasons.join("; ") || "the last 15 minutes"),
      tile("Requests a second", this.seen.rate.length ? count(Math.round(this.seen.rate.at(-1))) : "–", "now", this.seen.rate),
      tile("95 % answered within", seconds(summary.api_performance.p95_response_time), `predictions: ${seconds(predictions?.p95_time)}`, this.seen.p95),
      tile("Errors", percent(summary.api_performance.error_rate, 2), "of all answers"),
      tile("Cache hits", percent(cache.hit_rate), `${count(cache.hits)} of ${count(cache.hits + cache.misses)}`),
      tile("Memory", `${count(memory.current_mb)} MiB`, `peak ${count(memory.peak_mb)}, trainer ${count(memory.trainer_mb)}`, this.seen.memory));
  }

  remember(name, value) {
    this.seen[name] = [...this.seen[name], value].slice(-REMEMBERED);
  }
}

function tile(name, value, more, seen = null) {
  const line = seen && seen.length > 1 ? spark(seen, `${name}, since this page was opened`) : null;
  return element("div", { class: "tile card" }, element("dt", {}, name),
    element("dd", {}, value, element("span", { class: "more" }, more), line));
}
