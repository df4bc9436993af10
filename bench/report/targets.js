/** What the figures are to show, and whether they do. */
import { table } from './markdown.js';
import { NAMES, shown } from './metrics.js';

/** Most that a figure of ours may be of each peer's. */
const RATIOS = [
  {
    ...{ bench: 'fanout', case: 'single', metric: 'cpu', title: 'one message at a time' },
    most: {
      ws: 0.9,
      socketio: 0.8,
      uwebsockets: 1.45,
      'platform-ws': 0.9,
      'platform-socketio': 0.8,
    },
  },
  {
    ...{ bench: 'fanout', case: 'bursts-of-10', metric: 'cpu', title: 'bursts of 10' },
    most: {
      ws: 0.08,
      socketio: 0.07,
      uwebsockets: 1.3,
      'platform-ws': 0.08,
      'platform-socketio': 0.07,
    },
  },
  {
    ...{ bench: 'fanout', case: 'bursts-of-100', metric: 'cpu', title: 'bursts of 100' },
    most: {
      ws: 0.03,
      socketio: 0.025,
      uwebsockets: 0.04,
      'platform-ws': 0.03,
      'platform-socketio': 0.02,
    },
  },
  {
    ...{ bench: 'fanout', case: 'bursts-of-100-in-40-rooms', metric: 'cpu' },
    title: '4 of 40 rooms a connection, bursts of 100',
    most: { ws: 0.22 },
  },
  {
    ...{
      bench: 'fanout',
      case: 'half-load',
      metric: 'p99',
      title: 'p99 of a delivery at half load',
    },
    most: { ws: 1.2 },
  },
  {
    ...{ bench: 'requests', case: 'one-in-flight', metric: 'cpu', title: 'request, 1 in flight' },
    most: { ws: 1.15, socketio: 0.95, 'platform-ws': 0.8, 'platform-socketio': 0.65 },
  },
  {
    ...{
      bench: 'requests',
      case: 'sixteen-in-flight',
      metric: 'cpu',
      title: 'request, 16 in flight',
    },
    most: { ws: 0.55, socketio: 0.5, 'platform-ws': 0.4, 'platform-socketio': 0.35 },
  },
  {
    ...{
      bench: 'idle',
      case: 'in-one-room',
      metric: 'bytes',
      title: 'bytes of an idle connection',
    },
    most: { ws: 1.4, socketio: 0.6, 'platform-ws': 0.65, 'platform-socketio': 0.32 },
  },
  {
    ...{ bench: 'idle', case: 'in-one-room', metric: 'handshakeCpu', title: 'CPU of a connect' },
    most: { socketio: 1, 'platform-socketio': 0.75 },
  },
  {
    ...{ bench: 'cluster', case: 'bursts-of-100', metric: 'cpu' },
    title: 'CPU of two nodes a delivery, bursts of 100',
    most: { 'redis-adapter': 0.06 },
  },
  {
    ...{ bench: 'cluster', case: 'bursts-of-100', metric: 'redisCpu' },
    title: 'CPU of Redis a message, bursts of 100',
    most: { 'streams-adapter': 0.6 },
  },
  {
    ...{ bench: 'cluster', case: 'bursts-of-100-with-ids', metric: 'cpu' },
    title: 'the same, each message with an id to take effect once by',
    most: { 'redis-adapter': 0.06 },
  },
  {
    ...{ bench: 'cluster', case: 'bursts-of-100-with-ids', metric: 'redisCpu' },
    title: 'the same, each message with an id to take effect once by',
    most: { 'streams-adapter': 0.6 },
  },
  {
    ...{ bench: 'cluster', case: 'steady-3000', metric: 'p99' },
    title: 'p99 at 3,000 messages a second, from node to node',
    most: { 'redis-adapter': 1.2 },
  },
];

/** The others: figures of ours alone. */
const OWN = [
  {
    title: 'a delivery at 5,000 subscribers, against 100',
    is: ({ case: name, metric, server, ratio_to_case: other }) =>
      server === 'ours' && metric === 'cpu' && name === 'single-to-5000' && other !== undefined,
    unit: 'x',
    most: 1.5,
  },
  {
    title: 'bytes of a subscription',
    is: ({ metric, server, ratio_to: peer }) =>
      server === 'ours' && metric === 'roomBytes' && peer === undefined,
    unit: 'B',
    most: 600,
  },
  {
    title: 'all connections authenticated and resumed',
    is: ({ bench, metric, server, ratio_to: peer }) =>
      bench === 'storm' && server === 'ours' && metric === 'allMissedSeconds' && peer === undefined,
    unit: 's',
    most: 10,
  },
  ...['redis-back', 'redis-and-all-clients-back'].map((name) => ({
    title: `p99 of a publish against before, ${name}`,
    is: ({ metric, case: of }) => metric === 'p99ToBefore' && of === name,
    unit: 'x',
    most: 5,
  })),
  {
    title: 'p99 beside readers that stopped, against without them',
    is: ({ metric, case: of, server }) =>
      server === 'ours' && metric === 'p99ToAlone' && of === 'beside-stuck-readers',
    unit: 'x',
    most: 1.1,
  },
  {
    title: 'messages that a node gets from Redis for nobody',
    is: ({ metric }) => metric === 'wasted',
    unit: 'of all',
    most: 0.01,
  },
];

/** Large payloads with `heavyFrames`: each case, in microseconds. */
const HEAVY = [
  { metric: 'loopDelay', title: 'event loop held up by payloads of 1 MiB, p99', most: 20_000 },
  { metric: 'addedP99', title: 'p99 of small requests beside them, above that alone', most: 5_000 },
];

/** A Markdown table of every target with a figure: what it is, what was measured, whether it is met. */
export function targetsTable(figures) {
  const ratios = RATIOS.flatMap(({ title, most, ...target }) =>
    Object.entries(most).flatMap(([peer, limit]) => {
      const found = figures.find(isOf(target, peer));
      return found === undefined ? [] : [line(title, NAMES.get(peer), limit, 'x', found)];
    }),
  );
  const own = OWN.flatMap(({ title, is, unit, most }) => {
    const found = figures.find(is);
    return found === undefined ? [] : [line(title, '–', most, unit, found)];
  });
  const heavy = HEAVY.flatMap(({ metric, title, most }) =>
    figures
      .filter((figure) => figure.server === 'ours-pool' && figure.metric === metric)
      .map((figure) => {
        const what = `${title}: ${figure.case.replaceAll('-', ' ')}`;
        return line(what, '–', most, 'ms', figure, most / 1_000);
      }),
  );
  const lines = [...ratios, ...own, ...heavy];
  return lines.length === 0 ? '' : table(['what', 'against', 'at most', 'measured', 'met'], lines);
}

function isOf(target, peer) {
  return (figure) =>
    figure.ratio_to === peer && Object.entries(target).every(([key, is]) => figure[key] === is);
}

/** @param {number} [shownMost] `most` as the table shows it, where it shows figures in another unit. */
function line(title, against, most, unit, figure, shownMost = most) {
  const isMet = figure.median <= most ? 'yes' : '**no**';
  return [title, against, `${String(shownMost)} ${unit}`, `${shown(figure)} ${unit}`, isMet];
}
