/* The last year in candlesticks with the cone of forecasts. */

import { get } from "../api.js";
import { drawPrices } from "../charts/prices.js";
import { chartTable, element, fill, table } from "../dom.js";
import { compact, date, percent, price, sessions } from "../format.js";
import { isSimulated } from "./badges.js";
import { Card } from "./card.js";

const SESSIONS = 250;

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

  async load(ticker, predictions) {
    if (!this.settings.raw_prices) {
      this.explain("This service passes no prices of its providers on; forecasts alone are shown.");
      fill(this.body, forecasts(predictions));
      return;
    }
    const path = `/bars/${encodeURIComponent(ticker)}`;
    const answer = await this.show(() => get(path, { sessions: SESSIONS }), (found) => this.content(found, predictions));
    if (answer && !this.left) await this.draw(answer, predictions);
  }

  explain(text) {
    this.note.hidden = false;
    this.note.textContent = text;
  }

  content(answer, predictions) {
    const simulated = predictions.some(isSimulated);
    const bars = answer.bars;
    this.explain(`${simulated ? "Simulated: invented bars" : `Daily bars from ${answer.source}`} up to ${date(bars.at(-1).session)}, adjusted for splits.`
      + " The fan holds the close with the stated probability.");
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

function legend(predictions, reports) {
  const level = predictions[0]?.prediction.interval.level;
  return element("ul", { class: "legend" },
    element("li", { class: "median" }, "Median forecast"),
    element("li", { class: "band" }, `Holds the close with ${percent(level, 0)} probability`),
    reports ? element("li", { class: "report" }, "Quarterly report (R)") : null);
}

function forecasts(predictions) {
  const rows = predictions.map(({ prediction }) => [
    sessions(prediction.horizon), date(prediction.target_on), price(prediction.interval.lower),
    price(prediction.price_target), price(prediction.interval.upper),
  ]);
  return table("Forecast closes", ["Ahead", "Session", "Lower", "Median", "Upper"], rows, [2, 3, 4]);
}

function barsTable({ bars, currency }) {
  const rows = bars.toReversed().map((bar) => [
    date(bar.session), price(bar.open), price(bar.high), price(bar.low), price(bar.close), compact(bar.volume),
  ]);
  return table(`Daily bars in ${currency}, the newest first`, ["Session", "Open", "High", "Low", "Close", "Volume"], rows, [1, 2, 3, 4, 5]);
}
