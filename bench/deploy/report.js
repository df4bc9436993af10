import { cpus } from 'node:os';

import { markdown } from '../report/results.js';

/** Most milliseconds of the gap's 99th percentile. The smallest run is over before code is warm, and not judged by it. */
const MOST_GAP_MS = 250;

/** Whether the figures are what was promised. */
export function isGood({ broken, told, size, gaps, nodes }) {
  return (
    broken.length === 0 &&
    told === 0 &&
    (size === 'smallest' || gaps.p99 < MOST_GAP_MS) &&
    nodes.every(({ code }) => code === 0)
  );
}

/** The figures as a page. */
export function report(figures) {
  const head = `# Rolling deploy\n\nOn ${String(cpus().length)} cores, ${figures.size}.`;
  return markdown(`${head}\n\n${deployTable(figures)}\n`);
}

/** The figures as a table, and whether the target is met. */
export function deployTable(figures) {
  const { steady, moving, gaps, asked, nodes, broken, ...rest } = figures;
  const { deliveries, published, uncertain, refused, told, breaks, moves, mostMoves } = rest;
  const exits = nodes.map(({ code, ms }) => `${String(code)} after ${(ms / 1_000).toFixed(1)} s`);
  const rows = [
    ['broken assertions of the checker (lost, doubled, reordered …)', broken.length],
    ['told of a loss', told],
    [
      'messages, of them with an unknown outcome, refused',
      `${published}, ${uncertain}, ${refused}`,
    ],
    ['deliveries', deliveries],
    ['delivery while nothing happens, ms', shown(steady)],
    ['delivery during a move, ms', shown(moving)],
    ['longest delivery of a client in a move, ms', shown(gaps)],
    ['clients that were without a connection', breaks],
    ['moves, most of one client', `${moves}, ${mostMoves}`],
    [
      'requests answered, failed',
      [asked.answered, asked.failed.length, ...new Set(asked.failed)].join(', '),
    ],
    ['exits of the nodes', exits.join('; ')],
  ];
  const lines = rows.map(([name, value]) => `| ${name} | ${String(value)} |`);
  const verdict = `Target, p99 of the longest delivery below ${String(MOST_GAP_MS)} ms and nothing lost: ${isGood(figures) ? 'met' : '**missed**'}.`;
  return [['| what | value |', '| --- | --- |', ...lines].join('\n'), verdict].join('\n\n');
}

function shown({ p50, p99, max }) {
  const round = (value) => (value ?? NaN).toFixed(0);
  return `p50 ${round(p50)}, p99 ${round(p99)}, max ${round(max)}`;
}
