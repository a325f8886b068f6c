/* How the service does: latency, load, caches, memory, quotas, trainings, models. */

import { get, getText } from "../api.js";
import { element, fill } from "../dom.js";
import { Card, columns } from "./card.js";
import { caches, latency, batches, providers, warmUp } from "./figures.js";
import { DriftCard, ExperimentsCard } from "./models.js";
import { TrainingsCard } from "./trainings.js";
import { Tiles } from "./tiles.js";

const EVERY = 5000;

/** Show the operations in `context.main`; `leave` ends it. */
export function show(context) {
  const view = new Operations(context);
  return { ready: view.load(), leave: () => view.leave() };
}

class Operations {
  constructor(context) {
    this.tiles = new Tiles();
    this.cards = {
      latency: new Card("Latency by route", "The last quarter of an hour, over all workers."),
      caches: new Card("Where predictions came from"),
      batches: new Card("Rows in one call of the forests", "Since the start; rows that arrive while a call is in flight travel together."),
      providers: new Card("Requests to providers", "The last 24 hours, by all processes together."),
      warmUp: new Card("Start"),
    };
    this.trainings = new TrainingsCard(context.live);
    this.drift = new DriftCard(context);
    this.experiments = new ExperimentsCard();
    this.draw(context.main);
    this.timer = setInterval(() => document.hidden || this.load(), EVERY);
    this.drift.load();
    this.experiments.load();
  }

  draw(main) {
    const { latency: byRoute, caches: layers, batches: sizes, providers: quotas, warmUp: start } = this.cards;
    this.alert = element("div", { class: "problem", role: "alert", hidden: true });
    fill(main,
      element("div", { class: "bar" }, element("h1", {}, "Operations"), element("a", { href: "/metrics" }, "Prometheus metrics")),
      this.alert, this.tiles.list,
      columns([byRoute, this.trainings, this.drift, this.experiments], [layers, sizes, quotas, start]));
  }

  leave() {
    clearInterval(this.timer);
    this.trainings.leave();
  }

  async load() {
    try {
      const [figures, summary, exposition, start] = await Promise.all([
        get("/performance/metrics"), get("/performance/summary"), getText("/metrics"), get("/warmup/status"), this.trainings.load(),
      ]);
      this.alert.hidden = true;
      this.experiments.follow();
      this.tell(figures, summary, exposition, start);
    } catch (error) {
      this.alert.hidden = false;
      fill(this.alert, `No newer figures: ${error.message}`);
    }
  }

  tell(figures, summary, exposition, start) {
    this.tiles.tell(figures, summary, exposition);
    fill(this.cards.latency.body, latency(figures));
    fill(this.cards.caches.body, ...caches(figures.cache_performance));
    fill(this.cards.batches.body, ...batches(exposition));
    fill(this.cards.providers.body, providers(figures.provider_usage));
    fill(this.cards.warmUp.body, warmUp(start));
  }
}
