/* The state of the service in one line, with its reasons. */

import { get } from "./api.js";
import { element, fill } from "./dom.js";

const SHOWN = 2;
const LONGEST = 160;
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
    else this.mark();
  }

  /** Mark the whole page while any price is invented, whether or not the service has told its state yet. */
  mark() {
    const simulated = this.health?.prices === "simulated" || this.simulated > 0;
    document.body.classList.toggle("has-simulated", simulated);
    return simulated;
  }

  show(health) {
    this.health = health;
    const simulated = this.mark();
    fill(this.line,
      element("span", { class: `pill ${health.status}` }, health.status === "healthy" ? "Healthy" : "Degraded"),
      simulated ? element("span", { class: "badge simulated" }, "Simulated prices") : null,
      ...this.reasons(health, simulated));
  }

  reasons(health, simulated) {
    const prices = PRICES[simulated ? "simulated" : health.prices];
    const all = [prices, ...health.reasons].filter(Boolean).map(shortened);
    const shown = all.length ? `${all.slice(0, SHOWN).join(". ")}.` : "Everything answers.";
    return [element("span", { class: "reasons" }, shown), all.length > SHOWN ? more(all.slice(SHOWN)) : null];
  }

  lost(reason = "The service does not answer.") {
    fill(this.line,
      element("span", { class: "pill lost" }, "Unreachable"),
      element("span", { class: "reasons" }, `${reason} What is shown is the last that was known.`));
  }
}

/** The reasons beyond those that are shown, folded. */
function more(reasons) {
  return element("details", { class: "more-reasons" }, element("summary", {}, `${reasons.length} more`),
    element("ul", {}, ...reasons.map((reason) => element("li", {}, reason))));
}

/** A reason, cut to what fits a line, with at most eight of the tickers it lists. */
function shortened(reason) {
  const names = reason.split(", ");
  const text = names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} more` : reason;
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return cut.charAt(0).toUpperCase() + cut.slice(1);
}
