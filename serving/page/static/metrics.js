/* Figures from the text that Prometheus scrapes, where no JSON has them. */

const LINE = /^([a-z_]+)(?:\{([^}]*)\})? ([0-9.e+-]+|NaN)/;

/** Samples of the metric `name`: labels and value each. */
export function samples(text, name) {
  const found = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith(name)) continue;
    const match = LINE.exec(line);
    if (match && match[1] === name) found.push({ labels: labels(match[2]), value: Number(match[3]) });
  }
  return found;
}

/** The sum of all samples of `name`. */
export const total = (text, name) => samples(text, name).reduce((sum, { value }) => sum + value, 0);

/** How many observations of the histogram `name` lie in each bucket: upper bound and count each, without empty ends. */
export function buckets(text, name) {
  const byBound = new Map();
  for (const { labels: { le }, value } of samples(text, `${name}_bucket`)) byBound.set(le, (byBound.get(le) ?? 0) + value);
  const sorted = [...byBound].map(([bound, count]) => [bound === "+Inf" ? Infinity : Number(bound), count]).sort(([one], [other]) => one - other);
  const apart = sorted.map(([bound, count], index) => ({ bound, count: count - (sorted[index - 1]?.[1] ?? 0) }));
  return apart.slice(0, apart.findLastIndex(({ count }) => count > 0) + 1);
}

function labels(text = "") {
  return Object.fromEntries([...text.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}
