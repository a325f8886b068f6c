/* Models that should be looked at, and experiments. */

import { get, mapFew } from "../api.js";
import { element, fill, scrolled, table } from "../dom.js";
import { words } from "../format.js";
import { Card } from "./card.js";

// More models than this are looked at on request alone.
const UNASKED = 60;

export class DriftCard extends Card {
  constructor({ tickers, horizons }) {
    super("Models that should be trained again", "By age, new sessions, strange inputs, and intervals that drift: they hold too rarely or too often.");
    this.models = tickers.flatMap(({ ticker }) => horizons.map((horizon) => ({ ticker, horizon })));
  }

  load() {
    if (this.models.length <= UNASKED) this.look();
    else fill(this.body, element("button", { type: "button", onclick: () => this.look() }, `Look at ${this.models.length} models`));
  }

  look() {
    fill(this.body, element("p", { class: "loading" }, `Looking at ${this.models.length} models`));
    const ask = ({ ticker, horizon }) => get(`/model/status/${encodeURIComponent(ticker)}`, { horizon });
    return this.show(() => mapFew(this.models, ask), (found) => this.content(found));
  }

  content(found) {
    const drifted = found.filter(({ retrain_recommended: recommended }) => recommended);
    if (!drifted.length) return element("p", { class: "summary" }, `None of ${found.length}.`);
    const rows = drifted.map((one) => [
      element("a", { href: `#/ticker/${encodeURIComponent(one.ticker)}?horizon=${one.horizon}` }, one.ticker),
      String(one.horizon), one.version ? `${words(one.model_type)} v${one.version}` : words(one.model_type),
      element("span", { class: "reason" }, one.reasons.join("; ")),
    ]);
    return scrolled("Models", table(`${drifted.length} of ${found.length} models`, ["Ticker", "Ahead", "Answers", "Why"], rows, [1]));
  }
}

export class ExperimentsCard extends Card {
  constructor() {
    super("Experiments");
  }

  /** Look again while a promotion is under way. */
  follow() {
    if (this.promoting) this.load();
  }

  load() {
    const details = ({ name }) => get(`/experiments/${encodeURIComponent(name)}`);
    return this.show(async () => mapFew(await get("/experiments"), details), (found) => this.content(found));
  }

  content(experiments) {
    this.promoting = experiments.some(({ promoting }) => promoting.length);
    if (!experiments.length) return element("p", { class: "summary" }, "None is running.");
    const rows = experiments.map((one) => [
      one.name, one.kind, one.challenger, status(one), element("span", { class: "reason" }, known(one)),
    ]);
    return scrolled("Experiments", table("Challengers beside the champions", ["Name", "Kind", "Challenger", "Status", "Known by now"], rows));
  }
}

/** A promotion is told as one that is under way until every challenger serves as champion. */
const status = ({ status: where, promoting }) => (promoting.length ? `promoting, ${promoting.length} to go` : where);

function known({ judgements, reason, promoting, warnings }) {
  const judged = judgements.map(({ horizon, told }) => `Horizon ${horizon}: ${told}`).join("; ") || reason;
  const waiting = promoting.length ? [`Not champion yet: ${promoting.join(", ")}`] : [];
  return [judged, ...waiting, ...warnings].filter(Boolean).join(". ");
}
