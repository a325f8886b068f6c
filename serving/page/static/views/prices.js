/* The last year in candlesticks with the cone of forecasts. */

import { get } from "../api.js";
import { bands } from "../charts/fan.js";
import { drawPrices } from "../charts/prices.js";
import { chartTable, element, fill, table } from "../dom.js";
import { compact, date, percent, price, sessions } from "../format.js";
import { isSimulated } from "./badges.js";
import { Card } from "./card.js";

const SESSIONS = 250;
// Of each forecast's distribution: the ends of the bands that hold the close with 50, 80 and 90 % probability.
const QUANTILES = [0.05, 0.1, 0.25, 0.75, 0.9, 0.95];

export class PricesCard extends Card {
  constructor(settings) {
    super("Prices and forecasts");
    this.settings = settings;
    this.end = () => {};
    this.left = false;
  }

  leave() {
    this.left = true;
    this.end();
  }

  async load(ticker, horizons) {
    if (!this.settings.raw_prices) {
      this.explain("This service passes no prices of its providers on; forecasts alone are shown.");
      await this.show(() => distributions(ticker, horizons), forecasts);
      return;
    }
    const path = `/bars/${encodeURIComponent(ticker)}`;
    const ask = () => Promise.all([get(path, { sessions: SESSIONS }), distributions(ticker, horizons)]);
    const found = await this.show(ask, ([answer, predictions]) => this.content(answer, predictions));
    if (found && !this.left) await this.draw(...found);
  }

  explain(text) {
    this.note.hidden = false;
    this.note.textContent = text;
  }

  content(answer, predictions) {
    const simulated = predictions.some(isSimulated);
    const bars = answer.bars;
    this.explain(`${simulated ? "Simulated: invented bars" : `Daily bars from ${answer.source}`} up to ${date(bars.at(-1).session)}, adjusted for splits.`
      + " The bands of the fan hold the close with the stated probabilities.");
    this.chart = element("div", { class: `price-chart ${simulated ? "simulated" : ""}`, "aria-hidden": "true" });
    return [
      this.chart, legend(predictions, answer.reports.length),
      chartTable("Forecasts as a table", () => forecasts(predictions)),
      chartTable("Bars as a table", () => barsTable(answer)),
    ];
  }

  async draw(answer, predictions) {
    this.end();
    try {
      const end = await drawPrices(this.chart, { ...answer, predictions });
      this.end = end;
      if (this.left) end();
    } catch {
      fill(this.chart, element("p", { class: "empty" }, "The chart library is not installed here (make page); the tables below say the same."));
      this.chart.removeAttribute("aria-hidden");
      this.chart.classList.add("absent");
    }
  }
}

/** Predictions with QUANTILES, ascending by horizon. */
const distributions = (ticker, horizons) => Promise.all(horizons.toSorted((one, other) => one - other).map((horizon) =>
  get(`/predict/${encodeURIComponent(ticker)}`, { horizon, quantiles: QUANTILES.join(",") })));

function legend(predictions, reports) {
  const levels = bands(predictions[0]).map(({ level }) => percent(level, 0));
  return element("ul", { class: "legend" },
    element("li", { class: "median" }, "Median forecast"),
    element("li", { class: "band" }, `Bands that hold the close with ${levels.slice(0, -1).join(", ")} and ${levels.at(-1)} probability`),
    reports ? element("li", { class: "report" }, "Quarterly report (R)") : null);
}

function forecasts(predictions) {
  const rows = predictions.map(({ prediction }) => {
    const prices = prediction.quantiles.map(({ price: value }) => price(value));
    const half = prices.length / 2;
    return [sessions(prediction.horizon), date(prediction.target_on), ...prices.slice(0, half), price(prediction.price_target), ...prices.slice(half)];
  });
  const names = QUANTILES.map((probability) => percent(probability, 0));
  const headings = ["Ahead", "Session", ...names.slice(0, names.length / 2), "Median", ...names.slice(names.length / 2)];
  return table("Forecast closes, and the probability that the close is below", headings, rows, [2, 3, 4, 5, 6, 7, 8]);
}

function barsTable({ bars, currency }) {
  const rows = bars.toReversed().map((bar) => [
    date(bar.session), price(bar.open), price(bar.high), price(bar.low), price(bar.close), compact(bar.volume),
  ]);
  return table(`Daily bars in ${currency}, the newest first`, ["Session", "Open", "High", "Low", "Close", "Volume"], rows, [1, 2, 3, 4, 5]);
}
