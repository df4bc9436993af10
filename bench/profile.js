/**
 * Where the time of our server goes: a processor profile as a flame graph and as shares.
 *
 *   node bench/profile.js [requests|bursts|single …] [--dist dist] [--out docs/performance]
 *
 * `requests`: 16 in flight on each of 100 connections. `bursts` and `single`: bursts of 10 messages, or
 * one at a time, to 1,000 subscribers. Without a name all of them. Takes ten seconds each.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Hall } from './cases/fanout.js';
import { connected } from './cases/requests.js';
import { Caller } from './load/caller.js';
import { Crowd } from './load/crowd.js';
import { ServerProcess } from './load/server-process.js';
import { installPackage, removePackage } from './packed.js';
import { flameGraph, flameTree, shares } from './report/flame.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    out: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/performance', import.meta.url)),
    },
  },
});
const WARM_UP_MS = 4_000;
const PROFILE_MS = 3_000;
const IN_FLIGHT = 16;
const SUBSCRIBERS = 1_000;
const ROOM = ['bench/hall'];

/** What can be looked at: its title, and how to connect; gives what makes load for a time. */
const SUBJECTS = new Map([
  [
    'requests',
    {
      title: 'A request, 16 in flight on each of 100 connections',
      prepare: async (server) => {
        const crowd = await connected(server, { server: 'ours' });
        const caller = new Caller(crowd, 'echo', IN_FLIGHT);
        return { crowd, load: (ms) => caller.ask(ms) };
      },
    },
  ],
  [
    'bursts',
    {
      title: 'A delivery, bursts of 10 to 1,000 subscribers',
      prepare: (server) => prepareBursts(server, 10),
    },
  ],
  [
    'single',
    {
      title: 'A delivery, one message at a time to 1,000 subscribers',
      prepare: (server) => prepareBursts(server, 1),
    },
  ],
]);

async function prepareBursts(server, count) {
  const crowd = new Crowd('ours', server.port, SUBSCRIBERS, () => ROOM);
  const hall = new Hall(server, crowd, ROOM);
  await crowd.connect();
  return { crowd, load: (ms) => hall.bursts(count, ms) };
}

const folder = installPackage(values.dist);
process.env.BENCH_PACKAGE = folder;
try {
  for (const name of positionals.length > 0 ? positionals : SUBJECTS.keys()) await look(name);
} finally {
  removePackage(folder);
}
process.exit(0);

async function look(name) {
  const { title, prepare } = SUBJECTS.get(name);
  const server = await ServerProcess.start('ours');
  try {
    const { crowd, load } = await prepare(server);
    await load(WARM_UP_MS);
    await server.call('profile', { isOn: true });
    await load(PROFILE_MS);
    const tree = flameTree(await server.call('profile', { isOn: false }));
    crowd.cut();
    writeFileSync(join(values.out, `${name}-flame.svg`), flameGraph(title, tree));
    console.log(`| ${title} | share of the time |\n| --- | --- |`);
    for (const { part, share } of shares(tree)) {
      console.log(`| ${part} | ${(share * 100).toFixed(1)} % |`);
    }
  } finally {
    await server.stop();
  }
}
