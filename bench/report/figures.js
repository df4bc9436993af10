/** From samples of runs to figures: medians with their range, and ratios of us to every peer. */

/** The server whose ratios are printed. */
const SUBJECT = 'ours';
/** Metrics for which a ratio means something. */
const COMPARED = new Set([
  ...['cpu', 'rate', 'p50', 'p99', 'bytes', 'handshakeCpu', 'seconds'],
  ...['redisCpu', 'commands', 'bytesIn'],
]);

/** Cases whose cost is compared with that of another case of the same server. */
const SCALED = new Map([
  ['single-to-5000', 'single-to-100'],
  ['bursts-of-10-to-5000', 'bursts-of-10-to-100'],
]);

/** Cases that only we have, and the others' that they are compared with. */
const COMPARED_WITH = new Map([['bursts-of-100-with-ids', 'bursts-of-100']]);

/**
 * Figures of a benchmark.
 *
 * @param {string} bench its name.
 * @param {object[][]} runs the samples of each run.
 */
export function figuresOf(bench, runs) {
  const groups = grouped(runs);
  const figures = [];
  for (const { sample, values } of groups.values()) {
    const { case: name, server, metric, unit } = sample;
    const line = { bench, case: name, server, metric };
    figures.push({ ...line, unit, ...summary(values) });
    for (const other of groups.values()) {
      const relation = relationOf(sample, other.sample);
      if (relation === undefined) continue;
      const ratios = ratiosByRun(values, other.values);
      if (ratios.size > 0) figures.push({ ...line, ...relation, unit: 'x', ...summary(ratios) });
    }
  }
  return figures;
}

/** How a sample is compared with another one; undefined if it is not. */
function relationOf(sample, other) {
  if (sample.metric !== other.metric || !COMPARED.has(sample.metric)) return undefined;
  if (sample.server === other.server) {
    const isScaled = SCALED.get(sample.case) === other.case && sample.metric === 'cpu';
    return isScaled ? { ratio_to_case: other.case } : undefined;
  }
  const theirs = COMPARED_WITH.get(sample.case) ?? sample.case;
  const isPeer = sample.server === SUBJECT && theirs === other.case;
  return isPeer ? { ratio_to: other.server } : undefined;
}

/** Values by run, for each server, case and metric. */
function grouped(runs) {
  const groups = new Map();
  for (const [run, samples] of runs.entries()) {
    for (const sample of samples) {
      const key = [sample.case, sample.server, sample.metric].join(' ');
      const group = groups.get(key) ?? { sample, values: new Map() };
      group.values.set(run, sample.value);
      groups.set(key, group);
    }
  }
  return groups;
}

/** Of each run its own ratio: a machine that is slow for a while slows both. */
function ratiosByRun(values, others) {
  const ratios = new Map();
  for (const [run, value] of values) {
    if (others.has(run)) ratios.set(run, value / others.get(run));
  }
  return ratios;
}

function summary(values) {
  const sorted = [...values.values()].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const median = (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
  return {
    median: rounded(median),
    min: rounded(sorted[0]),
    max: rounded(sorted.at(-1)),
    runs: sorted.length,
  };
}

/** Four significant digits: more would pretend. */
function rounded(value) {
  return Number(value.toPrecision(4));
}
