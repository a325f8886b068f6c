/* The rows of the overview: what stands in each column, and in which order. */

import { intervalBar } from "../charts/interval.js";
import { element, fill } from "../dom.js";
import { age, change, day, percent, price } from "../format.js";
import { dataBadges, isSimulated, kinds, modelBadge } from "./badges.js";

/** Columns by name: heading, what they sort by, the classes of their cells. */
export const COLUMNS = {
  ticker: { heading: "Ticker", by: (row) => row.ticker },
  price: { heading: "Price", by: (row) => row.answer?.current_price, class: "number roomy" },
  range: { heading: "90 % interval", by: (row) => row.answer && width(row.answer), class: "range", descending: true },
  target: { heading: "Target", by: (row) => row.answer?.prediction.price_target, class: "number wide" },
  change: { heading: "Change", by: (row) => row.answer?.prediction.change_percent, class: "number roomy", descending: true },
  rise: { heading: "Rise", by: (row) => row.answer && rise(row.answer), class: "number", descending: true },
  report: { heading: "Next report", by: (row) => row.answer?.data.report?.expected_on, class: "wide" },
  model: { heading: "Made by", by: (row) => row.answer && modelName(row.answer), class: "middle" },
  data: { heading: "Prices", by: (row) => row.answer?.data.as_of, class: "middle" },
};

const width = (one) => (one.prediction.interval.upper - one.prediction.interval.lower) / one.current_price;
const rise = ({ prediction }) => (prediction.direction === "bullish" ? prediction.confidence : 1 - prediction.confidence);
const modelName = ({ model }) => `${model.type} ${String(model.version ?? 0).padStart(6, "0")}`;

const DIRECTIONS = {
  bullish: ["▲", "rise is likelier"],
  bearish: ["▼", "fall is likelier"],
  even: ["◆", "rise and fall are as likely"],
};

/** Headings with buttons that sort. */
export function headings(sort) {
  return Object.entries(COLUMNS).map(([name, column]) =>
    element("th", { scope: "col", class: column.class, "data-column": name },
      element("button", { type: "button", class: "sort", onclick: () => sort(name) }, column.heading),
      name === "range" ? element("span", { class: "scale", "aria-hidden": "true" }) : null));
}

/** Say in the headings what is sorted, and the ends of the common scale. */
export function scaleHeading(head, scale, sorted) {
  for (const heading of head.querySelectorAll("th")) {
    const isSorted = heading.dataset.column === sorted.column;
    if (isSorted) heading.setAttribute("aria-sort", sorted.descending ? "descending" : "ascending");
    else heading.removeAttribute("aria-sort");
  }
  const ends = [change(-scale, scale % 1 ? 1 : 0), "0", change(scale, scale % 1 ? 1 : 0)];
  fill(head.querySelector(".scale"), ...ends.map((end) => element("span", {}, end)));
}

/** Order of rows; those without a value come last, whichever way it goes. */
export function compare({ column, descending }) {
  const { by } = COLUMNS[column];
  return (one, other) => {
    const [first, second] = [by(one), by(other)];
    const missing = (value) => value === undefined || value === null;
    if (missing(first) || missing(second)) return missing(first) - missing(second) || order(one.ticker, other.ticker);
    return (descending ? -1 : 1) * order(first, second) || order(one.ticker, other.ticker);
  };
}

const order = (first, second) => (first < second ? -1 : first > second ? 1 : 0);

/** One ticker's row; its element is made anew only when what it shows has changed. */
export class Row {
  constructor(ticker) {
    this.ticker = ticker;
    this.clear();
  }

  clear() {
    this.answer = null;
    this.problem = "";
    this.drawn = null;
  }

  set(answer) {
    Object.assign(this, { answer, problem: "", drawn: null });
  }

  fail(problem) {
    Object.assign(this, { answer: null, problem, drawn: null });
  }

  draw(scale, horizon) {
    if (this.drawn === null || this.scale !== scale) {
      this.scale = scale;
      this.drawn = element("tr", { class: this.answer ? kinds(this.answer).join(" ") : null }, ...this.cells(scale, horizon));
    }
    return this.drawn;
  }

  cells(scale, horizon) {
    const name = element("th", { scope: "row" },
      element("a", { href: `#/ticker/${encodeURIComponent(this.ticker)}?horizon=${horizon}` }, this.ticker), this.answer ? inShort(this.answer) : null);
    if (this.problem) return [name, element("td", { class: "problem-text", colspan: "8" }, this.problem)];
    if (!this.answer) return [name, ...Object.values(COLUMNS).slice(1).map((column) => element("td", { class: `${column.class} waiting` }))];
    return [name, ...this.values(this.answer, scale)];
  }

  values(one, scale) {
    const { prediction, data } = one;
    const kind = kinds(one)[0] === "simulated" ? "simulated" : kinds(one).includes("baseline") ? "baseline" : "model";
    const ends = `${price(prediction.interval.lower)} to ${price(prediction.interval.upper)}`;
    const cells = {
      price: [price(one.current_price)],
      range: [intervalBar(one, scale, kind), element("span", { class: "ends" }, ends)],
      target: [price(prediction.price_target)],
      change: [change(prediction.change_percent)],
      rise: [direction(one), percent(rise(one))],
      report: [reportText(data.report)],
      model: [modelBadge(one)],
      data: [...dataBadges(one), element("span", { class: "muted" }, sourceText(one))],
    };
    return Object.entries(cells).map(([column, content]) => element("td", { class: COLUMNS[column].class }, ...content));
  }
}

/** What the columns say that have no room on a phone. */
function inShort(one) {
  const baseline = one.model.type === "baseline" ? modelBadge(one) : null;
  return element("span", { class: "in-short" }, price(one.current_price), ...dataBadges(one), baseline);
}

/** What is likelier; nothing where the shown probability is that of a coin. */
function direction(one) {
  const even = percent(rise(one)) === percent(0.5);
  const way = even ? "even" : one.prediction.direction;
  const [sign, word] = DIRECTIONS[way];
  return element("span", { class: `direction ${way}`, role: "img", "aria-label": word }, sign);
}

function reportText(report) {
  if (!report?.expected_on) return "–";
  return `${day(report.expected_on)}${report.confirmed ? "" : " (inferred)"}`;
}

/** Where prices come from and how old they are; an invented price has no age worth telling. */
function sourceText(one) {
  return isSimulated(one) ? "invented" : `${one.data.source} · ${age(one.data.as_of)}`;
}
