/* An interval and its median as a bar on a scale of change in percent that all rows share. */

import { svg } from "../dom.js";

const WIDTH = 200;
const HEIGHT = 22;
const LEAST = 0.5;

/** Half the width of a scale that holds nearly all of `predictions`, in percent: 1, 2 or 5 times a power of ten. */
export function scaleFor(predictions) {
  const reaches = predictions.map((one) => Math.max(Math.abs(lowerChange(one)), Math.abs(upperChange(one)))).sort((a, b) => a - b);
  const reach = Math.max(LEAST, reaches[Math.floor(0.98 * (reaches.length - 1))] ?? 1);
  const power = 10 ** Math.floor(Math.log10(reach));
  return power * [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= reach * 0.999);
}

/** Change in percent from the current price to the lower end. */
export const lowerChange = (one) => 100 * (one.prediction.interval.lower / one.current_price - 1);

/** Change in percent from the current price to the upper end. */
export const upperChange = (one) => 100 * (one.prediction.interval.upper / one.current_price - 1);

/** The bar of one prediction on a scale from -`scale` to `scale` percent. */
export function intervalBar(one, scale, kind) {
  const x = (change) => WIDTH / 2 + (WIDTH / 2 - 2) * Math.max(-1, Math.min(1, change / scale));
  const [left, middle, right] = [lowerChange(one), one.prediction.change_percent, upperChange(one)].map(x);
  return svg("svg", { class: `interval ${kind}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "zero", x1: WIDTH / 2, x2: WIDTH / 2, y1: 0, y2: HEIGHT }),
    svg("rect", { class: "range", x: left, y: 6, width: Math.max(1, right - left), height: 10, rx: 2 }),
    svg("line", { class: "median", x1: middle, x2: middle, y1: 2, y2: HEIGHT - 2 }));
}
