/* What was written about the company lately; titles are text, whoever wrote them. */

import { get } from "../api.js";
import { element } from "../dom.js";
import { date } from "../format.js";
import { Card } from "./card.js";

const MOST_SHOWN = 8;
const NEUTRAL = 0.15;

export class NewsCard extends Card {
  constructor() {
    super("News of the week", "No forecast uses it.");
  }

  load(ticker) {
    return this.show(() => get(`/news/${encodeURIComponent(ticker)}`), (found) => content(found));
  }
}

function content({ articles, count, about_earnings: earnings, tone, days }) {
  if (!count) return element("p", { class: "empty" }, `No article of the last ${days} days is known.`);
  const words = [`${count} ${count === 1 ? "article" : "articles"}`, earnings ? `${earnings} about results` : null, mood(tone)];
  return [
    element("p", {}, words.filter(Boolean).join(", ")),
    element("ul", { class: "news" }, ...articles.slice(0, MOST_SHOWN).map(article)),
  ];
}

function article({ title, url, publisher, published_at: at, tone }) {
  const said = [publisher, date(at.slice(0, 10)), mood(tone)].filter(Boolean).join(" · ");
  return element("li", {}, link(title, url), element("span", { class: "muted" }, ` ${said}`));
}

/** A link to http or https alone; anything else is shown as text. */
function link(title, url) {
  if (!/^https?:\/\//.test(url)) return element("span", {}, title);
  return element("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, title);
}

function mood(tone) {
  if (tone === null) return "";
  if (Math.abs(tone) < NEUTRAL) return "neutral tone";
  return tone > 0 ? "positive tone" : "negative tone";
}
