/* Why the interval is as wide as it is. */

import { get } from "../api.js";
import { element } from "../dom.js";
import { date, percent, sessions } from "../format.js";
import { Card } from "./card.js";

export class WidthCard extends Card {
  constructor() {
    super("Why it is this wide");
  }

  load(ticker, horizon, prediction) {
    const path = `/interval/${encodeURIComponent(ticker)}`;
    return this.show(() => get(path, { horizon }), (found) => content(found, prediction));
  }
}

function content(found, { model }) {
  const facts = [
    ["Level", `${percent(found.level, 2)} a session, from recent ranges and gaps`],
    ["Interval by that", `${percent(found.baseline_width, 2)} from end to end`],
    ["Correction", correction(found.correction, model.type)],
    ["Report", reports(found.reports)],
    ["Served interval", `${percent(found.width, 2)} from end to end`],
  ];
  if (found.horizon > 1) {
    facts.splice(1, 0, [`Over ${sessions(found.horizon)}`, `${percent(found.horizon_level, 2)}, times the square root of the sessions`]);
  }
  if (found.extrapolating) facts.push(["Caution", "Inputs beyond everything the model was trained on widen it"]);
  return element("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

function correction(factor, type) {
  if (type === "baseline") return "None: the baseline takes the level as it is";
  const percentage = Math.round(100 * Math.abs(factor - 1));
  if (percentage === 0) return "The model leaves it as it is";
  return `The model makes it ${percentage} % ${factor > 1 ? "wider" : "narrower"}`;
}

function reports(ahead) {
  if (!ahead.length) return "None known up to the target session";
  return `Due on ${ahead.map(({ filed_on: filedOn }) => date(filedOn)).join(", ")}`;
}
