/** Only of interest here; the checker does not know them. */
const OURS = new Set(['opened', 'state', 'failed']);

/** Records as the checker reads them. */
export function history(records) {
  return records.filter(({ type }) => !OURS.has(type));
}

/**
 * What a crowd saw, in figures. The gap of a client in a move is the longest time that a message took to
 * it, from the call of `publish` on, of all messages that were published during the move.
 *
 * @param moves from when until when a node left and its successor came, in microseconds.
 */
export function figuresOf(records, moves) {
  const calledAt = new Map();
  for (const { type, id, t } of records) {
    if (type === 'pub.call' && !calledAt.has(id)) calledAt.set(id, t);
  }
  const steady = [];
  const moving = [];
  const gaps = moves.map(() => new Map());
  for (const { type, id, t, p } of records) {
    if (type !== 'recv') continue;
    const at = calledAt.get(id);
    const took = (t - at) / 1_000;
    const move = moves.findIndex(({ from, until }) => at >= from && at <= until);
    (move < 0 ? steady : moving).push(took);
    if (move >= 0) gaps[move].set(p, Math.max(gaps[move].get(p) ?? 0, took));
  }
  return {
    deliveries: steady.length + moving.length,
    steady: quantiles(steady),
    moving: quantiles(moving),
    gaps: quantiles(gaps.flatMap((of) => [...of.values()])),
    ...connections(records),
  };
}

function connections(records) {
  const opened = new Map();
  const counts = { published: 0, uncertain: 0, refused: 0, told: 0, breaks: 0, errors: 0 };
  const names = { 'pub.ok': 'published', 'pub.maybe': 'uncertain', 'pub.no': 'refused' };
  for (const { type, p, recovered, state } of records) {
    if (type in names) counts[names[type]] += 1;
    else if (type === 'opened') opened.set(p, (opened.get(p) ?? 0) + 1);
    else if (type === 'gap' || recovered === false) counts.told += 1;
    else if (type === 'state' && state !== 'connected') counts.breaks += 1;
    else if (type === 'failed') counts.errors += 1;
  }
  const moves = Array.from(opened.values(), (count) => count - 1);
  return { ...counts, moves: moves.reduce((a, b) => a + b, 0), mostMoves: Math.max(0, ...moves) };
}

function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: sorted.at(-1), count: sorted.length };
}
