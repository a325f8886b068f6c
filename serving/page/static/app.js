/* Starts the page: which view is shown, what all views share. */

import { Refused, get } from "./api.js";
import { element, fill } from "./dom.js";
import { Live } from "./live.js";
import { ServiceState } from "./state.js";
import { startTheme } from "./theme.js";

const VIEWS = {
  overview: () => import("./views/overview.js"),
  ticker: () => import("./views/ticker.js"),
  operations: () => import("./views/operations.js"),
  words: () => import("./views/words.js"),
};
const CONNECTIONS = { connecting: "Connecting", live: "Live", polling: "Polling", offline: "Offline" };

const main = document.getElementById("main");
let leave = () => {};
let shown = 0;

/** The view and its parameters that the address names: #/, #/ticker/AAPL?horizon=5, #/operations, #/words. */
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ticker] = path.split("/");
  const view = name in VIEWS ? name : "overview";
  return { view, ticker: decodeURIComponent(ticker ?? ""), parameters: new URLSearchParams(query) };
}

async function show(context) {
  const { view, ticker, parameters } = place();
  const turn = ++shown;
  leave();
  leave = () => {};
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    const current = link.dataset.view === view || (link.dataset.view === "overview" && view === "ticker");
    link.toggleAttribute("aria-current", current);
    if (current) link.setAttribute("aria-current", view === "ticker" ? "true" : "page");
  }
  try {
    const module = await VIEWS[view]().catch(() => {
      throw new Refused(0, "The service does not answer.");
    });
    if (turn !== shown) return;
    const made = module.show({ ...context, main, ticker, horizon: chosen(context.horizons, parameters) });
    leave = made.leave;
    await made.ready;
  } catch (error) {
    if (turn === shown) fail(error, () => show(context));
  }
}

function chosen(horizons, parameters) {
  const asked = Number(parameters.get("horizon"));
  return horizons.includes(asked) ? asked : horizons[0];
}

function fail(error, again) {
  fill(main, element("div", { class: "message", role: "alert" },
    element("h1", {}, "This could not be shown"),
    element("p", {}, error.message),
    element("div", { class: "choices" },
      element("button", { type: "button", onclick: again }, "Try again"),
      element("a", { href: "#/" }, "All tickers"))));
}

function showConnection(live) {
  const connection = document.getElementById("connection");
  live.on("connection", ({ state }) => {
    connection.textContent = CONNECTIONS[state];
    connection.dataset.state = state;
  });
}

function linkMlflow(settings) {
  const link = document.getElementById("mlflow-link");
  if (!settings.mlflow_url) return;
  link.href = settings.mlflow_url;
  link.hidden = false;
}

async function start() {
  try {
    const [tickers, settings] = await Promise.all([get("/tickers"), get("/page/settings")]);
    const live = new Live();
    showConnection(live);
    linkMlflow(settings);
    const state = new ServiceState(document.getElementById("state"), live);
    const context = { tickers, settings, live, state, horizons: tickers[0].horizons };
    window.addEventListener("hashchange", () => {
      show(context);
      main.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    });
    await show(context);
  } catch (error) {
    fail(error, start);
  }
}

startTheme(document.getElementById("theme"));
start();
