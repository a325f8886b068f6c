/* The cone of forecasts, drawn by the chart library as a primitive of a series: bands around a median, from the last
   close to the farthest horizon. */

// Of each band; where they lie over one another the colour deepens towards the median.
const OPACITY = 0.16;

/** The bands around the median between symmetric quantiles of a prediction, the narrowest first. */
export function bands({ prediction: { quantiles } }) {
  const found = quantiles.filter(({ probability }) => probability < 0.5).map((lower, index) => {
    const upper = quantiles[quantiles.length - 1 - index];
    return { level: upper.probability - lower.probability, lower: lower.price, upper: upper.price };
  });
  return found.reverse();
}

/** Steps of the cone, one a session: between two horizons ends move with the square root of time, as widths do. */
export function coneSteps(from, horizons) {
  const known = [{ ahead: 0, median: from, bands: null }, ...horizons];
  const steps = [];
  for (let index = 1; index < known.length; index++) {
    const [near, far] = [known[index - 1], known[index]];
    for (let ahead = near.ahead; ahead < far.ahead; ahead++) steps.push(between(near, far, ahead, from));
  }
  steps.push(known.at(-1));
  return steps;
}

function between(near, far, ahead, from) {
  const share = (Math.sqrt(ahead) - Math.sqrt(near.ahead)) / (Math.sqrt(far.ahead) - Math.sqrt(near.ahead));
  const mix = (one, other) => one + share * (other - one);
  const bands = far.bands.map((band, index) => {
    const start = near.bands?.[index] ?? { lower: from, upper: from };
    return { level: band.level, lower: mix(start.lower, band.lower), upper: mix(start.upper, band.upper) };
  });
  return { ahead, median: mix(near.median, far.median), bands };
}

/** A series primitive that draws `steps` from the bar at index `last` on. */
export class Fan {
  constructor(last, steps, colours) {
    this.last = last;
    this.steps = steps;
    this.colours = colours;
    this.views = [{ zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.draw(target) }) }];
  }

  attached({ chart, series }) {
    this.chart = chart;
    this.series = series;
  }

  paneViews() {
    return this.views;
  }

  /** Room for the cone whenever its first bar is in sight. */
  autoscaleInfo(_start, end) {
    if (end < this.last) return null;
    const edges = this.steps.flatMap(({ bands }) => (bands ?? []).flatMap(({ lower, upper }) => [lower, upper]));
    return { priceRange: { minValue: Math.min(...edges), maxValue: Math.max(...edges) } };
  }

  draw(target) {
    target.useMediaCoordinateSpace(({ context }) => {
      const points = this.steps.map((step) => this.place(step)).filter(({ x }) => x !== null);
      if (points.length < 2) return;
      context.fillStyle = context.strokeStyle = this.colours.band;
      for (let band = 0; band < points.at(-1).bands.length; band++) this.fillBand(context, points, band);
      context.lineWidth = 2;
      context.globalAlpha = 1;
      trace(context, points.map(({ x, median }) => [x, median]));
      context.stroke();
    });
  }

  place({ ahead, median, bands }) {
    const y = (price) => this.series.priceToCoordinate(price);
    return {
      x: this.chart.timeScale().logicalToCoordinate(this.last + ahead),
      median: y(median),
      bands: bands.map(({ lower, upper }) => ({ lower: y(lower), upper: y(upper) })),
    };
  }

  fillBand(context, points, band) {
    const upper = points.map(({ x, bands }) => [x, bands[band].upper]);
    const lower = points.map(({ x, bands }) => [x, bands[band].lower]).reverse();
    context.globalAlpha = OPACITY;
    trace(context, [...upper, ...lower]);
    context.fill();
    context.globalAlpha = band === points[0].bands.length - 1 ? 0.7 : 0.3;
    context.lineWidth = 1;
    for (const edge of [upper, lower]) {
      trace(context, edge);
      context.stroke();
    }
  }
}

function trace(context, points) {
  context.beginPath();
  for (const [index, [x, y]] of points.entries()) index ? context.lineTo(x, y) : context.moveTo(x, y);
}
