/* Elements from data: text is always set as text, so nothing that was fetched is read as markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes that start with "on" are listeners, null ones are left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Replace everything within `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null));
}

/** A table of rows of texts or elements under its headings; those at `numeric` positions stand to the right. */
export function table(caption, headings, rows, numeric = []) {
  const side = (index) => (numeric.includes(index) ? "number" : null);
  const head = headings.map((heading, index) => element("th", { scope: "col", class: side(index) }, heading));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((cell, index) =>
      index === 0 ? element("th", { scope: "row" }, cell) : element("td", { class: side(index) }, cell))));
  return element("table", { class: "plain" },
    element("caption", {}, element("span", {}, caption)), element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}

/** A region that scrolls sideways, reachable by keyboard. */
export function scrolled(label, content) {
  return element("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, content);
}

/** The table that says what a chart shows, folded until somebody asks for it. */
export function chartTable(summary, make) {
  const details = element("details", { class: "as-table" }, element("summary", {}, summary));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(scrolled(summary, make()));
  });
  return details;
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}
