/* A card that says when it is loading, empty or failed. */

import { element, fill } from "../dom.js";

/** A section under `heading`, with a body that views fill. */
export class Card {
  constructor(heading, note = "") {
    this.body = element("div", {});
    this.note = element("p", { class: "note", hidden: !note }, note);
    this.card = element("section", { class: "card" }, element("h2", {}, heading), this.note, this.body);
    fill(this.body, element("p", { class: "loading" }, "Loading"));
    this.turn = 0;
  }

  /** Fill the body with what `make` gives from what `ask` finds; only the last question's answer is shown. */
  async show(ask, make) {
    const turn = ++this.turn;
    try {
      const found = await ask();
      if (turn === this.turn) fill(this.body, ...[make(found)].flat());
      return turn === this.turn ? found : null;
    } catch (error) {
      if (turn === this.turn) fill(this.body, element("p", { class: "empty" }, error.message));
      return null;
    }
  }
}

/** Cards in a broad column and a narrow one beside it; one below the other where there is no room. */
export function columns(broad, narrow) {
  const column = (cards, name) => element("div", { class: `column ${name}` }, ...cards.map(({ card }) => card));
  return element("div", { class: "columns" }, column(broad, "broad"), column(narrow, "narrow"));
}
