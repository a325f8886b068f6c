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
  const byModel = model.type !== "baseline";
  const facts = [
    ["Level", `${percent(found.level, 2)} a session, from recent ranges and gaps`],
    ["Interval by that", `${percent(found.baseline_width, 2)} from end to end`],
    ["Model", byModel ? effect(found.model_factor) : "None: the baseline takes the level as it is"],
    ["Report", report(found.next_report)],
  ];
  if (byModel && counts(found.next_report)) facts.push(["Effect of it", effect(found.report_factor)]);
  if (byModel) facts.push(["Together", effect(found.correction)]);
  facts.push(["Served interval", `${percent(found.width, 2)} from end to end`]);
  if (found.horizon > 1) {
    facts.splice(1, 0, [`Over ${sessions(found.horizon)}`, `${percent(found.horizon_level, 2)}, times the square root of the sessions`]);
  }
  if (found.extrapolating) facts.push(["Caution", "Inputs beyond everything the model was trained on widen it"]);
  return element("dl", { class: "facts" }, ...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

/** What a factor does to the width. */
function effect(factor) {
  if (factor === null) return "Not known: another model has just taken over";
  const percentage = Math.round(100 * Math.abs(factor - 1));
  return percentage === 0 ? "Leaves it as it is" : `Makes it ${percentage} % ${factor > 1 ? "wider" : "narrower"}`;
}

/** Whether a report has any chance to take effect by the target session that is worth telling. */
const counts = (next) => next !== null && next.in_horizon >= 0.005;

function report(next) {
  if (!next) return "None is expected";
  const how = next.confirmed ? "announced" : "inferred from last year's";
  const effect = counts(next) ? `takes effect by the target session with ${percent(next.in_horizon, 0)} probability` : "after the target session";
  return `${date(next.expected_on)}, ${how}; ${effect}`;
}
