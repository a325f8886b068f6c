/* What the page's words mean; docs/page.md says the same. */

import { element, fill } from "../dom.js";

const WORDS = [
  ["Session", "A trading day of the exchange. What lies 5 sessions ahead lies a week ahead when no day is a holiday."],
  ["Target", "The close that is forecast, and the session it belongs to. The target price is as likely too low as too high."],
  ["Interval", "The range that holds the close with 90 % probability."],
  ["Holds its level", "Intervals hold their level when about 90 of 100 held the close. Fewer means they are too narrow, more means they are too wide."],
  ["Interval score", "How good intervals were: their width, and 20 times what closes missed them by. Lower is better. A wide interval pays for its width, a narrow one for its misses."],
  ["Gain", "The share by which one interval score is lower than another. A gain of 1 % is a little better."],
  ["Level", "How far the price moves in a session, by a formula from the ranges and gaps of recent sessions."],
  ["Correction", "The factor from the interval by the level alone to the one that is served. It is the model's factor times the report's."],
  ["Report", "A company's quarterly report, after which its price moves more than otherwise. A date is announced, or inferred from the report of a year ago."],
  ["Baseline", "The forecast that needs no training: no change, and a width by the level alone. It answers where no model can."],
  ["Recipe", "A way to make a model, such as a forest of trees. Each training of a recipe gives a new version."],
  ["Champion", "The version that answers. A new version takes its place only where it has earned that."],
  ["Challenger", "A version that an experiment tests beside the champion."],
  ["Shadow", "An experiment whose challenger is scored and never answers."],
  ["Canary", "An experiment whose challenger answers for some tickers in the champion's place."],
  ["Stale", "Older than the exchange's calendar says it should be."],
  ["Simulated", "Invented: no price of any market. They show how the service works where it has no others."],
  ["Provisional", "From a session that still runs, so that the close can be another one."],
];

/** Show the words in `context.main`. */
export function show({ main }) {
  const facts = WORDS.flatMap(([word, meaning]) => [element("dt", {}, word), element("dd", {}, meaning)]);
  fill(main,
    element("div", { class: "bar" }, element("h1", {}, "What the words mean")),
    element("section", { class: "card" }, element("dl", { class: "facts words" }, ...facts)));
  return { ready: Promise.resolve(), leave: () => {} };
}
