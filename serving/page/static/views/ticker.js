/* One ticker: where its price has been, where it may go, and whether to believe it. */

import { get } from "../api.js";
import { element, fill } from "../dom.js";
import { ago, date, day, percent, price, sessions } from "../format.js";
import { followPredictions } from "../live.js";
import { dataBadges, isSimulated, modelBadge } from "./badges.js";
import { columns } from "./card.js";
import { rememberHorizon, horizonSwitch } from "./horizon.js";
import { ModelCard } from "./model.js";
import { NewsCard } from "./news.js";
import { OutcomesCard } from "./outcomes.js";
import { PricesCard } from "./prices.js";
import { RetrainCard } from "./retrain.js";
import { WidthCard } from "./width.js";

/** Show `context.ticker` in `context.main`; `leave` ends it. */
export function show(context) {
  const view = new TickerView(context);
  return { ready: view.load(), leave: () => view.leave() };
}

class TickerView {
  constructor(context) {
    Object.assign(this, { context, ticker: context.ticker.toUpperCase(), horizon: context.horizon, predictions: [] });
    this.heading = element("div", { class: "title" }, element("h1", {}, this.ticker));
    this.headline = element("p", { class: "headline", "aria-live": "polite" });
    this.alert = element("div", { class: "problem", role: "alert", hidden: true });
    this.prices = new PricesCard(context.settings);
    this.news = new NewsCard();
    this.byHorizon = [new WidthCard(), new OutcomesCard(), new ModelCard(context.settings), new RetrainCard(context)];
    this.ends = this.follow(context.live);
    this.listen();
    this.left = false;
    this.draw();
  }

  draw() {
    const [width, outcomes, model, retrain] = this.byHorizon;
    fill(this.context.main,
      element("div", { class: "bar" }, this.heading,
        horizonSwitch(this.context.horizons, this.horizon, (horizon) => this.choose(horizon))),
      this.alert, this.headline,
      this.prices.card, columns([outcomes, model], [width, retrain, this.news]));
  }

  leave() {
    this.left = true;
    for (const end of this.ends) end();
    this.unlisten();
    this.prices.leave();
  }

  follow(live) {
    const again = () => this.renew(() => this.load());
    const timer = setInterval(() => document.hidden || this.renew(() => this.predict()), 1000 * this.context.settings.refresh_after);
    return [
      live.on("prediction", (prediction) => prediction.ticker === this.ticker && this.take(prediction)),
      live.on("model", ({ ticker }) => ticker === this.ticker && again()),
      live.on("connection", ({ state, before }) => state === "live" && before !== "connecting" && again()),
      () => clearInterval(timer),
    ];
  }

  listen() {
    this.unlisten?.();
    this.unlisten = followPredictions(this.horizon, (prediction) => this.take(prediction), this.ticker);
  }

  /** Do `work` again; when it fails, what was shown stays. */
  async renew(work) {
    try {
      await work();
      this.alert.hidden = true;
    } catch (error) {
      this.alert.hidden = false;
      fill(this.alert, `No newer answer: ${error.message}`);
    }
  }

  async load() {
    await this.predict();
    if (this.left) return;
    await Promise.all([this.prices.load(this.ticker, this.context.horizons), this.loadHorizon(), this.news.load(this.ticker)]);
  }

  async predict() {
    const answers = await Promise.all(this.context.horizons.map((horizon) =>
      get(`/predict/${encodeURIComponent(this.ticker)}`, { horizon })));
    const before = this.current();
    this.predictions = answers.sort((one, other) => one.prediction.horizon - other.prediction.horizon);
    if (!this.left) this.told(before);
  }

  loadHorizon() {
    const prediction = this.current();
    return Promise.all(this.byHorizon.map((card) => card.load(this.ticker, this.horizon, prediction)));
  }

  current() {
    return this.predictions.find(({ prediction }) => prediction.horizon === this.horizon);
  }

  take(prediction) {
    const index = this.predictions.findIndex((one) => one.prediction.horizon === prediction.prediction.horizon);
    if (index < 0) return;
    const before = this.current();
    this.predictions[index] = prediction;
    this.told(before);
  }

  /** Tell what is new; another model than `before` has other cards. */
  told(before) {
    this.tell();
    if (before && madeBy(before) !== madeBy(this.current())) this.loadHorizon();
  }

  choose(horizon) {
    this.horizon = horizon;
    rememberHorizon(horizon);
    this.tell();
    this.loadHorizon();
    this.listen();
  }

  tell() {
    const one = this.current();
    this.context.state.tellSimulated(isSimulated(one) ? 1 : 0);
    document.title = `${this.ticker} – Stock prediction`;
    fill(this.heading,
      element("h1", {}, this.ticker), element("span", { class: "price" }, price(one.current_price)),
      ...dataBadges(one), modelBadge(one),
      element("span", { class: "muted" }, isSimulated(one) ? "invented price" : `${one.data.source}, ${ago(one.data.as_of)}`));
    fill(this.headline, ...sentence(one));
  }
}

const madeBy = ({ model }) => `${model.type} ${model.version}`;

/** The forecast in words. */
function sentence({ prediction, data }) {
  const { interval } = prediction;
  const rise = prediction.direction === "bullish" ? prediction.confidence : 1 - prediction.confidence;
  const strong = (text) => element("strong", {}, text);
  return [
    `The close of ${day(prediction.target_on)} (${sessions(prediction.horizon)} after ${date(prediction.made_on)}${data.stale ? ", where prices end" : ""}) is forecast at `,
    strong(price(prediction.price_target)), ", and with ", percent(interval.level, 0), " probability between ",
    strong(price(interval.lower)), " and ", strong(price(interval.upper)), ". A rise has a probability of ", strong(percent(rise)), ".",
  ];
}
