/* What happens in the service, as it happens; by asking now and then where the stream is cut. */

const NAMES = ["prediction", "model", "job", "health"];
const TRY_AGAIN = 15000;
const POLL_EVERY = 10000;

/**
 * Have `listener` called with each prediction for `horizon` as it changes, of `ticker` or of all; gives a function that
 * ends it. A page that nobody sees does not listen: a browser has few connections to one host.
 */
export function followPredictions(horizon, listener, ticker = null) {
  const query = new URLSearchParams(ticker === null ? { horizon } : { horizon, tickers: ticker });
  let source = null;
  let waiting = 0;
  const close = () => {
    clearTimeout(waiting);
    source?.close();
    source = null;
  };
  const open = () => {
    close();
    if (document.hidden) return;
    const opened = (source = new EventSource(`/stream/predictions?${query}`));
    opened.addEventListener("prediction", (event) => listener(JSON.parse(event.data)));
    opened.addEventListener("error", () => {
      if (opened === source && opened.readyState === EventSource.CLOSED) waiting = setTimeout(open, TRY_AGAIN);
    });
  };
  document.addEventListener("visibilitychange", open);
  open();
  return () => {
    document.removeEventListener("visibilitychange", open);
    close();
  };
}

/** Follows GET /events. Listeners are called with the event's data; "connection" tells "live", "polling" or "offline". */
export class Live {
  constructor() {
    this.listeners = new Map();
    this.state = "connecting";
    this.connect();
    setInterval(() => this.poll(), POLL_EVERY);
  }

  /** Have `listener` called for each event of `name`; gives a function that ends it. */
  on(name, listener) {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  connect() {
    const source = new EventSource("/events");
    source.addEventListener("hello", () => this.become("live"));
    for (const name of NAMES) source.addEventListener(name, (event) => this.tell(name, JSON.parse(event.data)));
    source.addEventListener("error", () => this.cut(source));
  }

  /** A stream that was refused for good is tried again later; one that broke connects again by itself. */
  cut(source) {
    this.become("polling");
    this.poll();
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    setTimeout(() => this.connect(), TRY_AGAIN);
  }

  async poll() {
    if (this.state === "live") return;
    try {
      const response = await fetch("/livez", { signal: AbortSignal.timeout(5000) });
      this.become(response.ok ? "polling" : "offline");
    } catch {
      this.become("offline");
    }
    if (this.state === "polling") this.tell("poll", null);
  }

  become(state) {
    const before = this.state;
    this.state = state;
    if (before !== state) this.tell("connection", { state, before });
  }

  tell(name, data) {
    for (const listener of this.listeners.get(name) ?? []) listener(data);
  }
}
