/* Candlesticks with volume, reports, and the cone ahead. */

import { price } from "../format.js";
import { colour } from "../theme.js";
import { Fan, bands, coneSteps } from "./fan.js";

const DAY = 86400000;
const VOLUME_SHARE = 0.18;
// Kinds of marks on the time axis, as the library numbers them, and for how many characters each has room.
const [YEAR, MONTH, LONGEST_MARK] = [0, 1, 6];
// Share of the distance of two prices on the scale that half a tag and half a price take.
const COVERED = 0.55;
const MONTH_NAME = new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" });
const DAY_AND_MONTH = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** Draw `bars` and the cone of `predictions` (ascending by horizon) in `container`; gives a function that ends it. */
export async function drawPrices(container, { bars, reports, predictions }) {
  const library = await import("/page/vendor/lightweight-charts.mjs");
  let chart = null;
  const draw = () => {
    chart?.remove();
    chart = make(library, container, { bars, reports, predictions });
  };
  draw();
  window.addEventListener("theme", draw);
  return () => {
    window.removeEventListener("theme", draw);
    chart.remove();
  };
}

function make(library, container, { bars, reports, predictions }) {
  const latest = predictions[0]?.current_price ?? bars.at(-1).close;
  const chart = library.createChart(container, options(library, latest));
  addVolume(library, chart, bars);
  const candles = chart.addSeries(library.CandlestickSeries, {
    upColor: colour("up"), wickUpColor: colour("up"), borderVisible: false,
    downColor: colour("down"), wickDownColor: colour("down"), priceLineVisible: false, lastValueVisible: false,
  });
  candles.setData([...bars.map(candle), ...sessionsAhead(predictions).map((time) => ({ time }))]);
  candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: VOLUME_SHARE + 0.04 } });
  candles.createPriceLine({ price: latest, lineVisible: false, axisLabelColor: colour("ink"), axisLabelTextColor: colour("surface") });
  addReports(library, candles, bars, reports);
  if (predictions.length) candles.attachPrimitive(new Fan(bars.length - 1, steps(predictions), { band: colour("band") }));
  showLastSessions(chart, bars.length, predictions.at(-1)?.prediction.horizon ?? 0, container.clientWidth);
  return chart;
}

function options(library, latest) {
  const line = { color: colour("line") };
  return {
    autoSize: true,
    layout: {
      background: { type: library.ColorType.Solid, color: "transparent" },
      textColor: colour("muted"), fontFamily: getComputedStyle(document.body).fontFamily, attributionLogo: false,
    },
    grid: { vertLines: { visible: false }, horzLines: line },
    rightPriceScale: { borderVisible: false, entireTextOnly: true },
    timeScale: { borderColor: colour("line"), rightOffset: 2, tickMarkMaxCharacterLength: LONGEST_MARK, tickMarkFormatter: timeMark },
    localization: { priceFormatter: price, tickmarksPriceFormatter: (prices) => priceMarks(prices, latest) },
    crosshair: { mode: library.CrosshairMode.Normal },
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
    handleScale: { mouseWheel: false },
  };
}

/** A month's first session by the month's name, which a day within it has too. */
export function timeMark(time, kind) {
  const at = new Date(`${time}T00:00:00Z`);
  if (kind === YEAR) return String(at.getUTCFullYear());
  return (kind === MONTH ? MONTH_NAME : DAY_AND_MONTH).format(at);
}

/** Prices beside the scale, but for one that the tag of the latest price would cover. */
export function priceMarks(prices, latest) {
  const least = COVERED * Math.abs(prices[1] - prices[0]);
  return prices.map((value) => (Math.abs(value - latest) < least ? "" : price(value)));
}

function addVolume(library, chart, bars) {
  const volume = chart.addSeries(library.HistogramSeries, {
    priceFormat: { type: "volume" }, priceScaleId: "volume", color: colour("sunken"), lastValueVisible: false, priceLineVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 1 - VOLUME_SHARE, bottom: 0 }, visible: false });
  volume.setData(bars.map((bar) => ({ time: bar.session, value: bar.volume, color: colour("line") })));
}

function addReports(library, candles, bars, reports) {
  const marks = reports
    .map(({ filed_on: filedOn }) => bars.find(({ session }) => session >= filedOn)?.session)
    .filter(Boolean)
    .map((time) => ({ time, position: "aboveBar", shape: "circle", color: colour("stale"), size: 0.8, text: "R" }));
  library.createSeriesMarkers(candles, marks);
}

const candle = ({ session, open, high, low, close }) => ({ time: session, open, high, low, close });

/** The cone from the current price on; its horizons are those of `predictions`. */
function steps(predictions) {
  const horizons = predictions.map((one) => ({
    ahead: one.prediction.horizon,
    median: one.prediction.price_target,
    bands: bands(one),
  }));
  return coneSteps(predictions[0].current_price, horizons);
}

/** Dates of the sessions up to the farthest target: targets are known, of those between them weekdays are taken. */
export function sessionsAhead(predictions) {
  const dates = [];
  let from = predictions[0]?.prediction.made_on;
  for (const { prediction } of predictions) {
    const wanted = prediction.horizon - dates.length - 1;
    dates.push(...weekdaysBetween(from, prediction.target_on).slice(0, wanted), prediction.target_on);
    from = prediction.target_on;
  }
  return dates;
}

function weekdaysBetween(from, to) {
  const days = [];
  for (let time = Date.parse(from) + DAY; time < Date.parse(to); time += DAY) {
    const day = new Date(time);
    if (day.getUTCDay() % 6) days.push(day.toISOString().slice(0, 10));
  }
  return days;
}

/** A year where there is room for it, less on a phone. */
function showLastSessions(chart, count, ahead, width) {
  const shown = Math.min(count, Math.max(60, Math.floor(width / 4.2)));
  chart.timeScale().setVisibleLogicalRange({ from: count - shown, to: count + ahead + 3 });
}
