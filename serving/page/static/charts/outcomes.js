/* Past forecasts as bars, and what came as dots inside or outside of them. */

import { svg } from "../dom.js";
import { change, date } from "../format.js";

const HEIGHT = 240;
const MARGIN = { left: 44, right: 8, top: 10, bottom: 22 };

/** The last `outcomes` that fit into `width` pixels, the oldest on the left. */
export function outcomesChart(outcomes, width) {
  const room = Math.floor((width - MARGIN.left - MARGIN.right) / 6);
  const shown = outcomes.slice(0, Math.max(20, room)).reverse();
  const reach = Math.max(...shown.flatMap((one) => [-one.lower, one.upper, Math.abs(one.actual ?? 0)])) * 1.05;
  const step = (width - MARGIN.left - MARGIN.right) / shown.length;
  const x = (index) => MARGIN.left + step * (index + 0.5);
  const y = (value) => MARGIN.top + ((reach - value) / (2 * reach)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  return svg("svg", { class: "drawing", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": describe(shown) },
    ...grid(reach, y, width), ...dates(shown, x),
    ...shown.flatMap((one, index) => marks(one, x(index), y, step)));
}

function describe(shown) {
  const due = shown.filter(({ actual }) => actual !== null);
  return `${shown.length} forecasts; of ${due.length} that came due, ${due.filter(({ inside }) => inside).length} were inside their interval`;
}

function grid(reach, y, width) {
  const step = niceStep(reach);
  const values = [];
  for (let value = -Math.floor(reach / step) * step; value <= reach; value += step) values.push(value);
  return values.flatMap((value) => [
    svg("line", { class: Math.abs(value) < step / 2 ? "zero" : "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
    svg("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, change(100 * value, step < 0.01 ? 1 : 0)),
  ]);
}

const niceStep = (reach) => [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((step) => reach / step <= 4) ?? 2;

function dates(shown, x) {
  const marks = shown.length > 30 ? [0, Math.floor(shown.length / 2), shown.length - 1] : [0, shown.length - 1];
  return [...new Set(marks)].map((index) =>
    svg("text", { x: x(index), y: HEIGHT - 4, "text-anchor": index === 0 ? "start" : index === shown.length - 1 ? "end" : "middle" },
      date(shown[index].target_on)));
}

function marks(one, x, y, step) {
  const drawn = [svg("line", { class: "forecast", x1: x, x2: x, y1: y(one.upper), y2: y(one.lower), "stroke-width": Math.max(1.5, Math.min(8, step * 0.55)) })];
  if (one.report) drawn.unshift(svg("line", { class: "report", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
  if (one.actual === null) return drawn;
  const size = Math.max(1.8, Math.min(3.5, step * 0.35));
  drawn.push(one.inside
    ? svg("circle", { class: "inside", cx: x, cy: y(one.actual), r: size })
    : svg("path", { class: "outside", d: `M${x} ${y(one.actual) - 1.6 * size}l${1.6 * size} ${1.6 * size}l${-1.6 * size} ${1.6 * size}l${-1.6 * size} ${-1.6 * size}z` }));
  return drawn;
}
