/**
 * Where the time of a request goes: a processor profile of our server with 16 requests in flight on each
 * of 100 connections, as a flame graph and as shares.
 *
 *   node bench/profile.js [--dist dist] [--out docs/performance/requests-flame.svg]
 *
 * Takes ten seconds.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { connected } from './cases/requests.js';
import { Caller } from './load/caller.js';
import { ServerProcess } from './load/server-process.js';
import { installPackage, removePackage } from './packed.js';
import { flameGraph, flameTree, shares } from './report/flame.js';

const { values } = parseArgs({
  options: {
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    out: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/performance/requests-flame.svg', import.meta.url)),
    },
  },
});
const WARM_UP_MS = 4_000;
const PROFILE_MS = 3_000;
const IN_FLIGHT = 16;

const folder = installPackage(values.dist);
process.env.BENCH_PACKAGE = folder;
const server = await ServerProcess.start('ours');
try {
  const crowd = await connected(server, { server: 'ours' });
  const caller = new Caller(crowd, 'echo', IN_FLIGHT);
  await caller.ask(WARM_UP_MS);
  await server.call('profile', { isOn: true });
  await caller.ask(PROFILE_MS);
  const tree = flameTree(await server.call('profile', { isOn: false }));
  crowd.cut();
  writeFileSync(values.out, flameGraph('A request, 16 in flight on each of 100 connections', tree));
  console.log('| part | share of the time |\n| --- | --- |');
  for (const { part, share } of shares(tree)) {
    console.log(`| ${part} | ${(share * 100).toFixed(1)} % |`);
  }
} finally {
  await server.stop();
  removePackage(folder);
}
process.exit(0);
