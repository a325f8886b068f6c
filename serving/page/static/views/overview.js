/* Every ticker in one table. */

import { predictAll } from "../api.js";
import { scaleFor } from "../charts/interval.js";
import { element, fill } from "../dom.js";
import { followPredictions } from "../live.js";
import { clock, day, sessions } from "../format.js";
import { isSimulated, kinds } from "./badges.js";
import { horizonSwitch, rememberHorizon } from "./horizon.js";
import { COLUMNS, Row, compare, headings, scaleHeading } from "./rows.js";

const FILTERS = {
  all: "All answers",
  model: "By a model",
  baseline: "By the baseline",
  stale: "Stale",
  simulated: "Simulated",
  problem: "Without an answer",
};
const REDRAW_AFTER = 150;

/** Show the overview in `context.main`; `leave` ends it. */
export function show(context) {
  const overview = new Overview(context);
  return { ready: overview.load(), leave: () => overview.leave() };
}

class Overview {
  constructor(context) {
    this.context = context;
    this.horizon = context.horizon;
    this.rows = new Map(context.tickers.map(({ ticker }) => [ticker, new Row(ticker)]));
    this.sorted = { column: "ticker", descending: false };
    this.filter = { text: "", kind: "all" };
    this.round = null;
    this.ends = this.follow(context.live);
    this.listen();
    this.draw();
  }

  leave() {
    this.cancel();
    for (const end of this.ends) end();
    this.unlisten();
  }

  listen() {
    this.unlisten?.();
    this.unlisten = followPredictions(this.horizon, (prediction) => this.take([prediction]));
  }

  follow(live) {
    const again = () => this.load();
    const timer = setInterval(() => document.hidden || this.load(), 1000 * this.context.settings.refresh_after);
    return [
      live.on("prediction", (prediction) => this.take([prediction])),
      live.on("model", ({ horizon }) => horizon === this.horizon && this.later("load")),
      live.on("poll", again),
      live.on("connection", ({ state, before }) => state === "live" && before !== "connecting" && again()),
      () => clearInterval(timer),
    ];
  }

  draw() {
    this.body = element("tbody", {});
    this.summary = element("p", { class: "summary", role: "status" });
    this.targets = element("p", { class: "targets" });
    this.alert = element("div", { class: "problem", role: "alert", hidden: true });
    const table = element("table", { class: "overview" },
      element("caption", { class: "visually-hidden" }, "Forecasts of every ticker"),
      element("thead", {}, element("tr", {}, ...headings((column) => this.sort(column)))), this.body);
    this.head = table.tHead;
    fill(this.context.main,
      element("div", { class: "bar" },
        element("h1", {}, "Overview"),
        horizonSwitch(this.context.horizons, this.horizon, (horizon) => this.choose(horizon)),
        this.filters()),
      this.targets, this.alert,
      element("div", { class: "scroll card", role: "region", "aria-label": "Forecasts", tabindex: "0" }, table),
      this.summary);
    this.arrange();
  }

  filters() {
    const text = element("input", {
      type: "search", id: "filter", placeholder: "Ticker", autocomplete: "off", "aria-label": "Filter by ticker",
      oninput: (event) => this.narrow({ text: event.target.value.trim().toUpperCase() }),
    });
    const options = Object.entries(FILTERS).map(([value, label]) => element("option", { value }, label));
    const kind = element("select", {
      id: "kind", "aria-label": "Filter by kind", onchange: (event) => this.narrow({ kind: event.target.value }),
    }, ...options);
    return element("div", { class: "filters" }, text, kind);
  }

  /** Ask for every answer; a round that takes long is ended, not overtaken, before the next begins. */
  async load() {
    if (this.round) {
      this.round.again = true;
      return;
    }
    const round = (this.round = { ends: new AbortController(), without: [], again: false });
    await predictAll([...this.rows.keys()], this.horizon, {
      arrived: ({ predictions, problems }) => this.take(predictions, problems),
      failed: (tickers, error) => this.fail(round, tickers, error),
      signal: round.ends.signal,
    });
    if (round !== this.round) return;
    this.round = null;
    if (!round.without.length) this.alert.hidden = true;
    if (round.again) await this.load();
  }

  cancel() {
    this.round?.ends.abort();
    this.round = null;
  }

  take(predictions, problems = []) {
    for (const one of predictions) if (one.prediction.horizon === this.horizon) this.rows.get(one.ticker)?.set(one);
    for (const problem of problems) this.rows.get(problem.ticker)?.fail(problem.detail);
    this.later("arrange");
  }

  /** Earlier answers stay; where there is none the row says why. */
  fail(round, tickers, error) {
    round.without.push(...tickers);
    for (const row of tickers.map((ticker) => this.rows.get(ticker))) if (!row.answer) row.fail(error.message);
    this.later("arrange");
    const [count, all] = [round.without.length, this.rows.size];
    this.alert.hidden = false;
    fill(this.alert, element("span", {}, `No newer answers${count < all ? ` of ${count} tickers` : ""}: ${error.message}`),
      element("button", { type: "button", onclick: () => this.load() }, "Try again"));
  }

  /** Do `what` once for all that asks for it within a moment. */
  later(what) {
    this.waiting ??= new Set();
    if (this.waiting.has(what)) return;
    this.waiting.add(what);
    setTimeout(() => {
      this.waiting.delete(what);
      this[what]();
    }, REDRAW_AFTER);
  }

  choose(horizon) {
    this.cancel();
    this.horizon = horizon;
    rememberHorizon(horizon);
    for (const row of this.rows.values()) row.clear();
    this.arrange();
    this.load();
    this.listen();
  }

  sort(column) {
    const descending = this.sorted.column === column ? !this.sorted.descending : COLUMNS[column].descending ?? false;
    this.sorted = { column, descending };
    this.arrange();
  }

  narrow(change) {
    this.filter = { ...this.filter, ...change };
    this.arrange();
  }

  /** Put every row that passes the filter in order, on a scale that fits them all. */
  arrange() {
    const rows = [...this.rows.values()];
    const answers = rows.map((row) => row.answer).filter(Boolean);
    const scale = scaleFor(answers);
    const shown = rows.filter((row) => this.passes(row)).sort(compare(this.sorted));
    scaleHeading(this.head, scale, this.sorted);
    keepFocus(this.body, () =>
      fill(this.body, ...shown.map((row) => row.draw(scale, this.horizon)), shown.length ? null : nothing()));
    this.context.state.tellSimulated(answers.filter(isSimulated).length);
    this.targets.textContent = targetSessions(answers);
    this.summarise(shown.length, answers);
  }

  passes(row) {
    const { text, kind } = this.filter;
    if (!row.ticker.includes(text)) return false;
    if (kind === "all") return true;
    if (kind === "problem") return Boolean(row.problem);
    return Boolean(row.answer) && kinds(row.answer).includes(kind);
  }

  summarise(shown, answers) {
    const of = (kind) => answers.filter((one) => kinds(one).includes(kind)).length;
    const without = [...this.rows.values()].filter((row) => row.problem).length;
    const awaited = this.rows.size - answers.length - without;
    const parts = [`${shown} of ${this.rows.size} tickers`, `${of("model")} by a model`, `${of("baseline")} by the baseline`];
    if (of("stale")) parts.push(`${of("stale")} stale`);
    if (of("simulated")) parts.push(`${of("simulated")} simulated`);
    if (without) parts.push(`${without} without an answer`);
    parts.push(awaited ? `waiting for ${awaited}` : `as of ${clock(new Date())}`);
    this.summary.textContent = parts.join(" · ");
  }
}

/** Have the link of the same ticker focused after `redraw` as before it. */
function keepFocus(body, redraw) {
  const focused = body.contains(document.activeElement) ? document.activeElement.textContent : null;
  redraw();
  if (focused === null) return;
  [...body.querySelectorAll("th a")].find((link) => link.textContent === focused)?.focus({ preventScroll: true });
}

/** Of which sessions the targets are the closes, and where prices end when that is not today. */
function targetSessions(answers) {
  if (!answers.length) return "\u00a0";
  const span = (days) => [...new Set([days.at(0), days.at(-1)])].map((one) => day(one)).join(" to ");
  const [targets, made] = ["target_on", "made_on"].map((key) => answers.map(({ prediction }) => prediction[key]).sort());
  const end = answers.some(({ data }) => data.stale) ? ", where prices end" : "";
  return `Targets are closes of ${span(targets)}, ${sessions(answers[0].prediction.horizon)} after ${span(made)}${end}.`;
}

function nothing() {
  return element("tr", {}, element("td", { colspan: String(Object.keys(COLUMNS).length), class: "empty" }, "No ticker passes the filter."));
}
