import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { CASES } from './cases/index.js';

/** Every server; each benchmark has those of them that it says something about. */
const SERVERS = [...new Set([...CASES.values()].flatMap(({ servers }) => servers))];
/** Benchmarks that run unless others are named. */
const USUAL = [...CASES].filter(([, { isApart }]) => isApart !== true).map(([name]) => name);

/** What `--help` prints. */
export const USAGE = `npm run bench -- [${[...CASES.keys()].join('|')} …] [options]

Without a name: ${USUAL.join(', ')}. "report" measures nothing and renders the figures of --out again.

  --quick        one run, shorter, fewer connections: to see a trend, not to publish
  --runs N       runs of each benchmark, interleaved over the servers (default 3, quick 1)
  --only a,b     only these servers: ${SERVERS.join(', ')}
  --smallest     as little as possible: to see that it works; the figures mean nothing
  --json         only JSON lines on standard output, no tables
  --out DIR      where figures, tables and charts go (default bench/results)
  --dist DIR     the build to pack and measure (default dist)
  --write-docs   puts tables and charts into docs/performance.md
`;

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  smallest: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  runs: { type: 'string' },
  only: { type: 'string' },
  out: { type: 'string', default: fileURLToPath(new URL('results', import.meta.url)) },
  dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
};

/**
 * Reads the command line.
 *
 * @throws Error that names what is wrong.
 */
export function readOptions(commandLine) {
  const { values, positionals } = parseArgs({
    args: commandLine,
    options: OPTIONS,
    allowPositionals: true,
  });
  const isReport = positionals.includes('report');
  const names = positionals.filter((name) => name !== 'report');
  for (const name of names) {
    if (!CASES.has(name)) throw new Error(`unknown benchmark "${name}"\n\n${USAGE}`);
  }
  const size = values.smallest ? 'smallest' : values.quick ? 'quick' : 'full';
  const runs = Number(values.runs ?? (size === 'full' ? 3 : 1));
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error('--runs: expected a whole number from 1');
  const only = values.only?.split(',').map((name) => name.trim());
  const unknown = only?.find((name) => !SERVERS.includes(name));
  if (unknown !== undefined) throw new Error(`--only: no server "${unknown}"\n\n${USAGE}`);
  const { json, help, out, dist } = values;
  return {
    benches: names.length > 0 ? names : USUAL,
    ...{ isReport, writeDocs: values['write-docs'], runs, only, size, json, help, out, dist },
  };
}
