/* Past forecasts beside what came. */

import { get } from "../api.js";
import { outcomesChart } from "../charts/outcomes.js";
import { chartTable, element, scrolled, table } from "../dom.js";
import { change, date, percent, words } from "../format.js";
import { Card } from "./card.js";

export class OutcomesCard extends Card {
  constructor() {
    super("Past forecasts and what came", "Each bar is an interval that was served, each dot the return that followed.");
  }

  load(ticker, horizon) {
    const path = `/track-record/${encodeURIComponent(ticker)}`;
    return this.show(() => get(path, { horizon }), (found) => this.content(found));
  }

  content({ outcomes, level }) {
    if (!outcomes.length) return element("p", { class: "empty" }, "No forecast was served yet at this horizon.");
    const due = outcomes.filter(({ actual }) => actual !== null);
    return [
      outcomesChart(outcomes, Math.max(300, this.card.clientWidth - 42)),
      legend(due),
      due.length ? coverage(due, level) : noneDue(outcomes[0]),
      calibration(due, level),
      chartTable("Past forecasts as a table", () => outcomesTable(outcomes)),
    ];
  }
}

function legend(due) {
  return element("ul", { class: "legend" },
    element("li", { class: "band" }, "Interval"),
    element("li", { class: "inside" }, "Inside"), element("li", { class: "outside" }, "Outside"),
    due.some(({ report }) => report) ? element("li", { class: "report" }, "A report took effect") : null);
}

/** Whether a session's date lies before today, on the universal clock. */
const isPast = (iso) => iso < new Date().toISOString().slice(0, 10);

/** Why nothing can be held against what came; the newest forecast tells where prices end. */
function noneDue({ made_on: madeOn, target_on: targetOn }) {
  const why = isPast(targetOn) ? `Prices end on ${date(madeOn)}, so that no target has its close.` : "None of them has come due yet.";
  return element("p", { class: "summary" }, why);
}

function coverage(due, level) {
  const groups = [["All sessions", due]];
  if (due.some(({ report }) => report !== null)) {
    groups.push(["Ordinary sessions", due.filter(({ report }) => report === false)], ["Report sessions", due.filter(({ report }) => report)]);
  }
  const rows = groups.map(([name, group]) => [
    name, String(group.length), share(group, ({ inside }) => inside),
    share(group, ({ actual, median }) => (median >= 0) === (actual > 0)),
  ]);
  return scrolled("Coverage", table(`Of 100 intervals ${Math.round(100 * level)} should hold`, ["Sessions", "Came due", "Interval held", "Direction right"], rows, [1, 2, 3]));
}

/** Where outcomes fell in the forecasts' distributions, beside where they should. */
function calibration(due, level) {
  if (!due.length) return null;
  const tail = (1 - level) / 2;
  const parts = [
    ["Below the interval", tail, ({ actual, lower }) => actual < lower],
    ["Inside, below the median", level / 2, ({ actual, lower, median }) => actual >= lower && actual < median],
    ["Inside, above the median", level / 2, ({ actual, median, upper }) => actual >= median && actual <= upper],
    ["Above the interval", tail, ({ actual, upper }) => actual > upper],
  ];
  const rows = parts.map(([name, expected, holds]) => [name, String(due.filter(holds).length), share(due, holds), percent(expected)]);
  return scrolled("Calibration", table("Where outcomes fell", ["Outcome", "Sessions", "Share", "Should be"], rows, [1, 2, 3]));
}

const share = (group, holds) => (group.length ? percent(group.filter(holds).length / group.length) : "–");

function outcomesTable(outcomes) {
  const rows = outcomes.map((one) => [
    date(one.made_on), date(one.target_on), `${words(one.model)}${one.version ? ` v${one.version}` : ""}`,
    change(100 * one.lower), change(100 * one.median), change(100 * one.upper), change(one.actual === null ? null : 100 * one.actual),
    one.actual === null ? "not due yet" : one.inside ? "inside" : "outside",
  ]);
  return table("Forecasts, the newest first", ["Made on", "Target", "By", "Lower", "Median", "Upper", "Came", "Outcome"], rows, [3, 4, 5, 6]);
}
