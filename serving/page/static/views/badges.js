/* What an answer is worth at a glance: simulated, stale, provisional, by the baseline, by a model. */

import { element } from "../dom.js";
import { words } from "../format.js";

/** The kinds of `prediction`, the gravest first. */
export function kinds(prediction) {
  const { data, model } = prediction;
  return [
    isSimulated(prediction) ? "simulated" : null,
    data.stale ? "stale" : null,
    model.type === "baseline" ? "baseline" : "model",
    data.provisional ? "provisional" : null,
    model.extrapolating ? "extrapolating" : null,
  ].filter(Boolean);
}

/** Whether any price in it is invented. */
export const isSimulated = ({ data }) => data.source === "simulated" || data.history_source === "simulated";

/** Badges for simulated, stale and provisional prices. */
export function dataBadges(prediction) {
  return kinds(prediction)
    .filter((kind) => ["simulated", "stale", "provisional"].includes(kind))
    .map((kind) => element("span", { class: `badge ${kind}` }, words(kind)));
}

/** Who made the forecast. */
export function modelBadge({ model }) {
  if (model.type === "baseline") return element("span", { class: "badge baseline" }, "Baseline");
  const version = model.version === null ? "" : ` v${model.version}`;
  return element("span", { class: "badge model" }, `${words(model.type)}${version}`);
}
