/* The model card, and the versions there are. */

import { get } from "../api.js";
import { element, scrolled, table } from "../dom.js";
import { ago, count, date, percent, seconds, words } from "../format.js";
import { Card } from "./card.js";

export class ModelCard extends Card {
  constructor(settings) {
    super("Model");
    this.mlflow = settings.mlflow_url;
  }

  load(ticker, horizon) {
    const path = encodeURIComponent(ticker);
    const ask = () => Promise.all([get(`/model/status/${path}`, { horizon }), get(`/model/versions/${path}`, { horizon })]);
    return this.show(ask, ([status, found]) => this.content(status, found));
  }

  content(status, { name, versions, answering_challenger: challenger }) {
    const serving = versions.find((version) => version.serving);
    return [
      element("dl", { class: "facts" }, ...facts(status, serving, challenger).flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)])),
      versions.length ? scrolled("Versions", this.versions(name, versions, challenger)) : null,
      this.mlflow ? element("p", { class: "summary" }, this.link(`/#/models/${name}?workflowType=machine_learning`, `${name} in MLflow`)) : null,
    ].filter(Boolean);
  }

  versions(name, versions, challenger) {
    const rows = versions.map((version) => [
      this.mlflow ? this.link(`/#/models/${name}/versions/${version.version}?workflowType=machine_learning`, `v${version.version}`) : `v${version.version}`,
      version.serving ? element("span", { class: "badge model" }, challenger ? "Champion" : "Serves") : "",
      date(version.trained_at), version.source === "simulated" ? element("span", { class: "badge simulated" }, "Simulated") : version.source,
      percent(version.metrics.interval_score, 2), percent(version.metrics.coverage), percent(version.metrics.val_mae, 2),
      percent(version.metrics.direction_accuracy), seconds(version.metrics.training_time),
    ]);
    const headings = ["Version", "State", "Trained", "Bars", "Interval score", "Coverage", "Mean error", "Direction", "Took"];
    return table("Published versions with their scores out of sample", headings, rows, [4, 5, 6, 7, 8]);
  }

  link(path, text) {
    return element("a", { href: `${this.mlflow}${path}`, target: "_blank", rel: "noopener noreferrer" }, text);
  }
}

function facts(status, serving, challenger) {
  const champion = status.model_type === "baseline" ? "the baseline, which needs no training" : named(status);
  const made = challenger
    ? [["Answers by", `${named(challenger)}: the challenger of the experiment “${challenger.experiment}”, which is under way`],
      ["Champion", `${champion}; answers where the experiment does not`]]
    : [["Answers by", champion]];
  if (serving) {
    made.push(
      ["Learned from", `${date(serving.trained_from)} to ${date(serving.trained_to)}, ${count(serving.metrics.train_samples)} sessions, ${serving.inputs} inputs`],
      ["Trained", `${date(serving.trained_at)}, ${ago(serving.trained_at)}`],
      ["Mean error", `${percent(serving.metrics.val_mae, 2)} (no change: ${percent(serving.metrics.baseline_mae, 2)}), over ${count(serving.metrics.val_samples)} sessions out of sample`],
      ["Run", serving.run_id]);
  }
  if (status.last_training) made.push(["Last training", `${status.last_training.status}: ${status.last_training.reason}`]);
  made.push(["Advice", advice(status)]);
  return made;
}

const named = ({ model_type: type, version }) => `${words(type)}, version ${version}`;

function advice({ retrain_recommended: recommended, reasons }) {
  const text = reasons.join("; ");
  if (recommended) return `Train it again: ${text}`;
  return text || "Nothing speaks for training it again";
}
