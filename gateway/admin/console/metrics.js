// The gateway's metrics as the console samples them: the newest values, and what they were a while ago. No own state is kept
// anywhere else, so rates begin when the page does.

const KEPT = 120;
// The sum of the series of that name whose labels are as wanted; a label may be wanted as one of several values.
export function total(series, name, wanted = {}) {
  const fits = ({ labels }) => Object.entries(wanted).every(([label, value]) => [].concat(value).includes(labels[label]));
  return series.filter((one) => one.name === name && fits(one)).reduce((sum, one) => sum + one.value, 0);
}

// Values by one label, summed over the others.
// What several workers tell is added up, unless it is to be joined in another way.
export function byLabel(series, name, label, join = (one, other) => one + other) {
  const sums = new Map();
  for (const one of series) if (one.name === name) sums.set(one.labels[label], join(sums.get(one.labels[label]) ?? 0, one.value));
  return [...sums].filter(([, value]) => value > 0).sort(([, one], [, other]) => other - one);
}

const samples = [];

export function remember(at, series) {
  samples.push({ at, series });
  if (samples.length > KEPT) samples.shift();
}

// How fast a counter grew between each two samples, in a minute; a restart of the gateway is no fall.
export function ratesOf(name, wanted) {
  return samples.slice(1).map(({ at, series }, place) => {
    const before = samples[place];
    const grown = total(series, name, wanted) - total(before.series, name, wanted);
    return Math.max(0, grown) / ((at - before.at) / 60_000);
  });
}

export const newest = () => samples.at(-1)?.series ?? [];
