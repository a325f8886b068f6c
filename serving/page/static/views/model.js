/* The model card, and the versions there are. */

import { get } from "../api.js";
import { element, scrolled, table } from "../dom.js";
import { age, count, date, percent, seconds, words } from "../format.js";
import { Card } from "./card.js";

export class ModelCard extends Card {
  constructor(settings) {
    super("Model");
    this.mlflow = settings.mlflow_url;
  }

  load(ticker, horizon) {
    const path = encodeURIComponent(ticker);
    const ask = () => Promise.all([get(`/model/status/${path}`, { horizon }), get(`/model/versions/${path}`, { horizon })]);
    return this.show(ask, ([status, versions]) => this.content(status, versions));
  }

  content(status, { name, versions }) {
    const serving = versions.find((version) => version.serving);
    return [
      element("dl", { class: "facts" }, ...facts(status, serving).flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, text)])),
      versions.length ? scrolled("Versions", this.versions(name, versions)) : null,
      this.mlflow ? element("p", { class: "summary" }, this.link(`/#/models/${name}?workflowType=machine_learning`, `${name} in MLflow`)) : null,
    ].filter(Boolean);
  }

  versions(name, versions) {
    const rows = versions.map((version) => [
      this.mlflow ? this.link(`/#/models/${name}/versions/${version.version}?workflowType=machine_learning`, `v${version.version}`) : `v${version.version}`,
      version.serving ? element("span", { class: "badge model" }, "Serves") : "",
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

function facts(status, serving) {
  const made = [["Answers by", status.model_type === "baseline" ? "the baseline, which needs no training" : `${words(status.model_type)}, version ${status.version}`]];
  if (serving) {
    made.push(
      ["Learned from", `${date(serving.trained_from)} to ${date(serving.trained_to)}, ${count(serving.metrics.train_samples)} sessions, ${serving.inputs} inputs`],
      ["Trained", `${date(serving.trained_at)}, ${age(serving.trained_at)} ago`],
      ["Mean error", `${percent(serving.metrics.val_mae, 2)} (no change: ${percent(serving.metrics.baseline_mae, 2)}), over ${count(serving.metrics.val_samples)} sessions out of sample`],
      ["Run", serving.run_id]);
  }
  if (status.last_training) made.push(["Last training", `${status.last_training.status}: ${status.last_training.reason}`]);
  made.push(["Advice", advice(status)]);
  return made;
}

function advice({ retrain_recommended: recommended, reasons }) {
  const text = reasons.join("; ");
  if (recommended) return `Train it again: ${text}`;
  return text || "Nothing speaks for training it again";
}
