/* Training on request, and what becomes of it. */

import { get, retrain } from "../api.js";
import { element, fill } from "../dom.js";
import { sessions } from "../format.js";
import { Card } from "./card.js";
import { trainedFor } from "./duration.js";

const OPEN = ["queued", "running"];
const ASK_EVERY = 2000;

export class RetrainCard extends Card {
  constructor({ settings, live }) {
    super("Train again", settings.key_needed ? "With one of the keys in security.api_keys; it is kept nowhere." : "From this machine, without a key.");
    this.key = settings.key_needed
      ? element("input", { type: "password", id: "key", autocomplete: "off", spellcheck: "false", required: true })
      : null;
    this.button = element("button", { type: "submit", class: "primary" }, "Train");
    this.outcome = element("div", { class: "outcome", "aria-live": "polite" });
    this.live = live;
    this.form = element("form", { class: "retrain", onsubmit: (event) => this.submit(event) },
      this.key ? element("label", { for: "key" }, "Key", this.key) : null, this.button);
    fill(this.body, this.form, this.outcome);
  }

  load(ticker, horizon) {
    Object.assign(this, { ticker, horizon });
    this.button.textContent = `Train ${ticker}, ${sessions(horizon)} ahead`;
  }

  async submit(event) {
    event.preventDefault();
    this.button.disabled = true;
    try {
      await this.follow(await retrain(this.ticker, this.horizon, this.key?.value));
    } catch (error) {
      fill(this.outcome, element("p", { class: "problem", role: "alert" }, explained(error)));
    }
    this.button.disabled = false;
    if (this.key) this.key.value = "";
  }

  /** Show the job as it moves on, by events, and by asking where they are cut. */
  async follow(job) {
    const end = this.live.on("job", (told) => {
      if (told.job_id === job.job_id) this.tell((job = told));
    });
    this.tell(job);
    while (OPEN.includes(job.status) && this.card.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY));
      if (this.live.state !== "live") this.tell((job = await get(`/model/retrain/${job.job_id}`)));
    }
    end();
  }

  tell(job) {
    const steps = job.steps.map((step) => element("li", {},
      element("span", { class: `pill ${step.status}` }, step.status), ` ${sessions(step.horizon)}${step.reason ? `: ${step.reason}` : ""}`));
    fill(this.outcome,
      element("p", { class: "summary" }, element("span", { class: `pill ${job.status}`, "data-status": job.status }, job.status),
        ` ${job.ticker}, ${job.started_at ? `trained for ${trainedFor(job)}` : "waits for its turn"}`),
      element("ul", { class: "steps" }, ...steps));
  }
}

/** The service's words are for whoever writes requests. */
function explained({ status, message }) {
  return status === 401 ? "The service refused this key: it is none of security.api_keys. Nothing was queued." : message;
}
