/**
 * Fuzz: mutated frames against the decoders and against a live server on the loopback interface.
 *
 *   node scripts/fuzz.js [--quick] [--seed 42] [--dist dist]
 *
 * 1,000,000 frames and 50,000 (with --quick 20,000 and 2,000). Needs a build. Ends with a code other
 * than 0 if anything throws, hangs for more than 5 ms, kills the server, keeps another client
 * waiting, or leaves more than 10 per cent of memory behind.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { fuzzDecoders } from './fuzz/decoders.js';
import { goldenTexts, seededRandom } from './fuzz/mutate.js';
import { attack } from './fuzz/peer.js';
import { Witness } from './fuzz/witness.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 2_147_483_647) },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  },
});
const seed = Number(values.seed);
const random = seededRandom(seed);
const dist = pathToFileURL(`${resolve(values.dist)}/`).href;
const golden = goldenTexts(new URL('../test/protocol/vectors/', import.meta.url));
const [decoderFrames, serverFrames] = values.quick ? [20_000, 2_000] : [1_000_000, 50_000];

/** Connections that attack at once. */
const WORKERS = 16;
/** Most frames of one connection. */
const FRAMES_A_CONNECTION = 12;
/** Most of the memory of before that may be more afterwards. */
const MEMORY_MARGIN = 0.1;

const violations = [];
console.log(`seed ${seed} (repeat with --seed ${seed})`);

const decoded = fuzzDecoders({
  protocol: await import(new URL('protocol/index.js', dist)),
  golden,
  count: decoderFrames,
  random,
  progress: (done, all) => console.log(`decoders: ${done} of ${all} frames`),
});
violations.push(...decoded.thrown, ...decoded.slow);
console.log(
  `decoders: ${decoded.frames} frames, ${decoded.accepted} accepted, ${decoded.thrown.length} thrown, ${decoded.slow.length} slower than 5 ms, slowest ${decoded.slowestMs.toFixed(2)} ms (${decoded.outliers} measured again)`,
);

const served = await fuzzServer();
violations.push(...served.violations);
console.log(
  `server: ${served.frames} frames on ${served.connections} connections, witness answered ${served.answers} times, at worst in ${served.worstMs.toFixed(0)} ms, memory ${mebibytes(served.before)} before and ${mebibytes(served.after)} after`,
);

if (violations.length > 0) {
  console.error(`${violations.length} violations, the first of them:`);
  console.error(violations.slice(0, 5));
  process.exitCode = 1;
} else console.log('no violations');

async function fuzzServer() {
  const server = fork(new URL('fuzz/server.js', import.meta.url), [dist], {
    execArgv: ['--expose-gc'],
  });
  const result = { violations: [], frames: 0, connections: 0, answers: 0, worstMs: 0 };
  let died = false;
  server.once('exit', (code, signal) => {
    died = true;
    if (code !== 0) result.violations.push({ server: `ended with ${code ?? signal}` });
  });
  const [{ port }] = await once(server, 'message');
  const witness = await Witness.connect(port);
  // Compiled code and caches are no leak: what a good part of the same traffic leaves is where we start.
  await attackMany(port, Math.min(5_000, serverFrames), result, () => died);
  result.before = await usedBytes(server, result);
  result.frames = 0;
  result.connections = 0;
  await attackMany(port, serverFrames, result, () => died);
  result.after = died ? NaN : await usedBytes(server, result);
  if (result.after > result.before * (1 + MEMORY_MARGIN))
    result.violations.push({ memory: result.after, before: result.before });
  Object.assign(result, await witness.leave(result.violations));
  if (!died) {
    const exited = once(server, 'exit');
    server.send('stop');
    await exited;
  }
  return result;
}

async function attackMany(port, count, result, hasDied) {
  const goal = result.frames + count;
  let reported = 0;
  const work = async () => {
    while (result.frames < goal && !hasDied()) {
      try {
        // Not `+= await`: that would add to what the count was before the wait.
        const sent = await attack({ port, golden, most: FRAMES_A_CONNECTION, random });
        result.frames += sent;
      } catch (error) {
        result.violations.push({ connection: String(error) });
        result.frames += 1;
      }
      result.connections += 1;
      const tenth = Math.floor((result.frames / goal) * 10);
      if (tenth > reported) {
        reported = tenth;
        console.log(`server: ${Math.min(result.frames, goal)} of ${goal} frames`);
      }
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

/** Memory of the server once only the witness is connected. */
async function usedBytes(server, result) {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = once(server, 'message');
    server.send('report');
    const [{ connections, usedBytes: used, failures }] = await answer;
    if (failures > 0) result.violations.push({ failures });
    if (connections <= 1) return used;
    await new Promise((next) => setTimeout(next, 100));
  }
  result.violations.push({ connections: 'never went away' });
  return NaN;
}

function mebibytes(bytes) {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
