/**
 * A rolling deploy under load: three nodes of this package on Redis, each in turn ended by SIGTERM and
 * started again while a crowd of SDK clients talks. What the crowd saw is judged by the history checker
 * of the tests. See ../README.md.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { installPackage, removePackage } from '../packed.js';
import { writePage } from '../report/page.js';
import { startRedis } from '../servers/redis.js';
import { loadChecker } from './checker.js';
import { CrowdProcess, DeployNode } from './child.js';
import { figuresOf, history } from './figures.js';
import { isGood, report } from './report.js';

const USAGE = `npm run bench -- deploy [options]

  --quick        fewer clients: to see a trend, not to publish
  --smallest     as few as possible: to see that it works
  --json         only the figures, one JSON object
  --write-docs   puts the table into docs/performance.md
  --out DIR      where the figures go (default bench/results)
  --dist DIR     the build to pack and measure (default dist)
`;

const NODES = 3;
const CROWDS = 2;
/** Rooms of a crowd, clients of a room, milliseconds between the messages of a room, before and between moves. */
const SIZES = {
  full: { rooms: 20, perRoom: 50, everyMs: 250, restMs: 5_000 },
  quick: { rooms: 10, perRoom: 25, everyMs: 250, restMs: 2_000 },
  smallest: { rooms: 2, perRoom: 5, everyMs: 100, restMs: 200 },
};

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  smallest: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
  dist: { type: 'string', default: fileURLToPath(new URL('../../dist', import.meta.url)) },
};

const startedAt = Date.now();
let folder;

/** Measures and prints. Returns the exit code: 1 if anything was lost, or took too long. */
export async function deploy(commandLine) {
  const { values: options } = parseArgs({ args: commandLine, options: OPTIONS });
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  process.on('exit', () => {
    if (folder !== undefined) removePackage(folder);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  const size = options.smallest ? 'smallest' : options.quick ? 'quick' : 'full';
  folder = installPackage(options.dist);
  const env = { BENCH_PACKAGE: folder, BENCH_REDIS: await startRedis() };
  const { records, moves, asked } = await replaceAll(env, SIZES[size]);
  say(`judging ${String(records.length)} records`);
  const { violations, describeViolations } = await loadChecker(folder);
  const broken = violations(history(records), { expectLive: true });
  if (broken.length > 0) say(describeViolations(broken));
  const figures = { size, ...figuresOf(records, moves), asked, nodes: moves, broken };
  const page = await report(figures);
  if (size !== 'smallest') {
    mkdirSync(options.out, { recursive: true });
    writeFileSync(join(options.out, 'deploy.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
    writeFileSync(join(options.out, 'deploy.md'), page);
  }
  process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : page);
  if (options['write-docs']) await writePage(options.out);
  return isGood(figures) ? 0 : 1;
}

async function replaceAll(env, { restMs, ...crowd }) {
  let nodes = await Promise.all(Array.from({ length: NODES }, () => DeployNode.start(env)));
  const crowds = Array.from({ length: CROWDS }, () => new CrowdProcess(env));
  const all = (command, rest) => Promise.all(crowds.map((one) => one.call(command, rest)));
  const serve = () => all('serve', { ports: nodes.map(({ port }) => port) });
  await serve();
  const { rooms, perRoom } = crowd;
  say(`connecting ${String(CROWDS * rooms * perRoom)} clients`);
  await Promise.all(
    crowds.map((one, n) => one.call('join', { ...crowd, first: n * rooms * perRoom })),
  );
  const moves = [];
  for (const old of [...nodes]) {
    await pause(restMs);
    say(`replacing node ${String(moves.length + 1)} of ${String(NODES)}`);
    const from = now();
    nodes = nodes.filter((node) => node !== old);
    await serve();
    const { code, ms } = await old.stop();
    nodes.push(await DeployNode.start(env));
    await serve();
    moves.push({ from, until: now(), code, ms });
  }
  await pause(restMs);
  say('waiting until everybody has everything');
  await all('rest');
  return { moves, ...(await collect(crowds)) };
}

async function collect(crowds) {
  const records = [];
  const asked = { answered: 0, failed: [] };
  for (const [n, crowd] of crowds.entries()) {
    const file = join(folder, `crowd-${String(n)}.jsonl`);
    const { answered, failed } = await crowd.call('report', { file });
    asked.answered += answered;
    asked.failed.push(...failed);
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      records.push(JSON.parse(line));
    }
  }
  return { records, asked };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** As the crowds' clock. */
function now() {
  return Number(process.hrtime.bigint() / 1_000n);
}

function say(text) {
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${text}\n`);
}
