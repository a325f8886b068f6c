/* The last trainings, as they move on. */

import { get } from "../api.js";
import { element, fill, scrolled, table } from "../dom.js";
import { age } from "../format.js";
import { Card } from "./card.js";
import { trainedFor } from "./duration.js";

const SHOWN = 20;

export class TrainingsCard extends Card {
  constructor(live) {
    super("Trainings");
    this.jobs = new Map();
    this.end = live.on("job", (job) => this.take([job]));
  }

  leave() {
    this.end();
  }

  async load() {
    this.take(await get("/model/retrain", { limit: SHOWN }));
  }

  take(jobs) {
    for (const job of jobs) this.jobs.set(job.job_id, job);
    const newest = [...this.jobs.values()].sort((one, other) => latest(other) - latest(one)).slice(0, SHOWN);
    this.jobs = new Map(newest.map((job) => [job.job_id, job]));
    fill(this.body, newest.length ? scrolled("Trainings", this.table(newest)) : element("p", { class: "empty" }, "Nothing was trained in the last week."));
  }

  table(jobs) {
    const rows = jobs.map((job) => [
      job.ticker, element("span", { class: `pill ${job.status}` }, job.status),
      [...new Set(job.steps.map(({ horizon }) => horizon))].join(", "),
      trainedFor(job),
      `${age(new Date(1000 * latest(job)).toISOString())}`, outcome(job),
    ]);
    return table("The last trainings, the newest first", ["Ticker", "Status", "Ahead", "Trained for", "Since", "Outcome"], rows, [3, 4]);
  }
}

/** What came of the steps, each outcome once; where they differ, with the horizons that it is of. */
function outcome({ steps }) {
  const horizons = new Map();
  for (const { horizon, status, reason } of steps) {
    const text = reason ? reason.replace(/^version \d+: /, "") : "";
    const key = JSON.stringify([status, text]);
    horizons.set(key, [...(horizons.get(key) ?? []), horizon]);
  }
  const told = [...horizons].map(([key, of]) => {
    const [status, text] = JSON.parse(key);
    return horizons.size === 1 ? text : `${of.join(", ")} ahead ${status}${text ? `: ${text}` : ""}`;
  });
  return element("span", { class: "reason" }, told.join("; "));
}

const latest = (job) => job.finished_at ?? job.started_at ?? job.queued_at;
