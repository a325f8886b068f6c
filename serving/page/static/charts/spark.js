/* Small drawings: a line of what was seen lately, bars of a distribution, a bar in shares. */

import { svg } from "../dom.js";

const WIDTH = 240;
const HEIGHT = 56;

/** A line through `values`, the newest on the right, on a scale from zero to the largest. */
export function spark(values, label) {
  const most = Math.max(...values, Number.MIN_VALUE);
  const x = (index) => (values.length < 2 ? WIDTH : (WIDTH * index) / (values.length - 1));
  const y = (value) => HEIGHT - 2 - (HEIGHT - 6) * (value / most);
  const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  return svg("svg", { class: "drawing spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polygon", { class: "area", points: `${x(0)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}` }),
    svg("polyline", { class: "line", points: points.join(" ") }));
}

/** Upright bars, one for each of `bars` (label, count). */
export function histogram(bars, label) {
  const [width, height, foot] = [320, 150, 18];
  const step = width / Math.max(6, bars.length);
  const most = Math.max(...bars.map(({ count }) => count), 1);
  const tall = (count) => (height - foot - 16) * (count / most);
  return svg("svg", { class: "drawing", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...bars.flatMap(({ label: text, count }, index) => [
      svg("rect", { class: "bar", x: index * step + 4, width: step - 8, y: height - foot - tall(count), height: tall(count), rx: 2 }),
      svg("text", { x: (index + 0.5) * step, y: height - foot - tall(count) - 4, "text-anchor": "middle" }, count ? String(count) : ""),
      svg("text", { x: (index + 0.5) * step, y: height - 4, "text-anchor": "middle" }, text),
    ]),
    svg("line", { class: "zero", x1: 0, x2: width, y1: height - foot, y2: height - foot }));
}

/** One bar cut in shares of `parts` (kind, value), each in the colour of its kind. */
export function shares(parts, label) {
  const whole = parts.reduce((sum, { value }) => sum + value, 0) || 1;
  let start = 0;
  const pieces = parts.map(({ kind, value }) => {
    const piece = svg("rect", { class: `layer-${kind}`, x: start, y: 0, width: (100 * value) / whole, height: 10 });
    start += (100 * value) / whole;
    return piece;
  });
  return svg("svg", { class: "meter", viewBox: "0 0 100 10", width: "100%", height: "12", preserveAspectRatio: "none", role: "img", "aria-label": label }, ...pieces);
}
