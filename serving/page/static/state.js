/* The state of the service in one line, with its reasons. */

import { get } from "./api.js";
import { element, fill } from "./dom.js";

const PRICES = {
  real: "Prices are real",
  stale: "Prices are stale",
  simulated: "Prices are simulated: invented, not from any market",
};

/** Shows GET /health in `line`, kept current by events. */
export class ServiceState {
  constructor(line, live) {
    this.line = line;
    this.health = null;
    this.simulated = 0;
    live.on("health", (health) => this.show(health));
    live.on("poll", () => this.ask());
    live.on("connection", ({ state }) => (state === "offline" ? this.lost() : this.ask()));
    this.ask();
  }

  async ask() {
    try {
      this.show(await get("/health"));
    } catch (error) {
      this.lost(error.message);
    }
  }

  /** Say that `count` of the answers on the page are simulated. */
  tellSimulated(count) {
    this.simulated = count;
    if (this.health) this.show(this.health);
  }

  show(health) {
    this.health = health;
    const simulated = health.prices === "simulated" || this.simulated > 0;
    document.body.classList.toggle("has-simulated", simulated);
    fill(this.line,
      element("span", { class: `pill ${health.status}` }, health.status === "healthy" ? "Healthy" : "Degraded"),
      simulated ? element("span", { class: "badge simulated" }, "Simulated prices") : null,
      element("span", { class: "reasons" }, this.reasons(health, simulated)));
  }

  reasons(health, simulated) {
    const prices = PRICES[simulated ? "simulated" : health.prices];
    const all = [prices, ...health.reasons].filter(Boolean);
    return all.length ? `${all.map((reason) => shortened(reason)).join(". ")}.` : "Everything answers.";
  }

  lost(reason = "The service does not answer.") {
    fill(this.line,
      element("span", { class: "pill lost" }, "Unreachable"),
      element("span", { class: "reasons" }, `${reason} What is shown is the last that was known.`));
  }
}

/** A reason with at most eight of the tickers it lists. */
function shortened(reason) {
  const names = reason.split(", ");
  const text = names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : reason;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
