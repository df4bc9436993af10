/**
 * The process of a server: `node host.js <name>`. Takes commands from the process that makes the load and
 * does what each of them says with the server's own way to publish.
 */
import 'reflect-metadata';

import { execFileSync } from 'node:child_process';
import { Session } from 'node:inspector/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { obey } from './commands.js';
import { microseconds, payloadNow } from './payload.js';

const SERVERS = [
  ...['ours', 'ours-pool', 'ws', 'platform-ws', 'socketio', 'platform-socketio', 'uwebsockets'],
  ...['redis-adapter', 'sharded-adapter', 'streams-adapter'],
];
const [, , name] = process.argv;
if (!SERVERS.includes(name)) throw new Error(`unknown server ${name}`);

let server;
let sequence = 0;

const commands = new Map([
  ['usage', usage],
  ['memory', memory],
  ['resident', () => process.memoryUsage().rss],
  ['flood', flood],
  ['delay', delay],
  ['spread', spread],
  ['connections', () => server.connections()],
  ['traffic', () => server.traffic],
  ['burst', ({ rooms, count, isNamed }) => burst(rooms, count, isNamed)],
  ['pace', pace],
  ['profile', profile],
  ['acknowledge', acknowledge],
  ['acknowledged', acknowledged],
]);

let session;

/** Begins a processor profile, or ends it and returns it. */
async function profile({ isOn }) {
  session ??= new Session();
  if (isOn) {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    return undefined;
  }
  const { profile: found } = await session.post('Profiler.stop');
  session.disconnect();
  return found;
}

/** Processor time of this process so far, by the operating system, in microseconds. */
function usage() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Resident bytes after two full collections: the first may leave what finalizers release. */
async function memory() {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage().rss;
}

/** Publishes in one turn, into the rooms in turn; each under an id of its publisher's, if it is to be named. */
function burst(rooms, count, isNamed = false) {
  for (let index = 0; index < count; index += 1) {
    sequence += 1;
    const id = isNamed ? String(sequence) : undefined;
    server.publish(rooms[index % rooms.length], payloadNow(sequence), id);
  }
}

/** Publishes one message each `everyUs`, each in a turn of its own. Resolves after the last. */
async function pace({ rooms, count, everyUs }) {
  const startedAt = microseconds();
  for (let index = 0; index < count; index += 1) {
    const waitMs = (startedAt + index * everyUs - microseconds()) / 1_000;
    await new Promise((resolve) => {
      if (waitMs > 0) setTimeout(resolve, waitMs);
      else setImmediate(resolve);
    });
    burst([rooms[index % rooms.length]], 1);
  }
}

/** What was published since {@link acknowledge}; ends with it. */
let waiting;

/**
 * Begins to publish one message each `everyUs` and to note when each is acknowledged. Each begins when it
 * is due: what the event loop is late with it has waited for.
 */
function acknowledge({ room, everyUs }) {
  const all = [];
  const publish = async (beganAt) => {
    sequence += 1;
    const one = { beganAt };
    all.push(one);
    try {
      await server.acknowledged(room, payloadNow(sequence));
      one.acknowledgedAt = microseconds();
    } catch {
      // Without a time: whoever asks sees that it failed.
    }
  };
  const pending = [];
  let dueAt = microseconds();
  const timer = setInterval(() => {
    for (; dueAt <= microseconds(); dueAt += everyUs) pending.push(publish(dueAt));
  }, everyUs / 1_000);
  waiting = { all, pending, timer };
}

/** Publishes no more. Resolves to when each message began and was acknowledged, once all have an answer. */
async function acknowledged() {
  clearInterval(waiting.timer);
  await Promise.all(waiting.pending);
  return waiting.all;
}

/** Takes every core: a thread beside the first one is of no use on the same core. */
function spread() {
  try {
    execFileSync('taskset', ['-a', '-p', 'ffffffff', String(process.pid)], { stdio: 'ignore' });
  } catch {
    // Where it cannot be pinned it is not.
  }
}

/** A server that keeps more is not flooded any further: the machine has to last. */
const MOST_RESIDENT_BYTES = 3e9;

/**
 * Publishes up to so many bytes a second for so long, in messages of `bytes`, one a turn at most. Resolves
 * to the bytes that were published.
 */
async function flood({ room, bytes, bytesPerSecond, ms }) {
  const payload = { text: 'x'.repeat(bytes) };
  const everyUs = (bytes / bytesPerSecond) * 1_000_000;
  const startedAt = microseconds();
  let sent = 0;
  let nextAt = startedAt;
  for (let now = startedAt; now < startedAt + ms * 1_000; now = microseconds()) {
    if (now >= nextAt && process.memoryUsage.rss() < MOST_RESIDENT_BYTES) {
      nextAt = Math.max(nextAt + everyUs, now);
      sent += bytes;
      server.publish(room, payload);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return sent;
}

/** Milliseconds between two looks at the event loop. */
const LOOK_MS = 10;

const delays = monitorEventLoopDelay({ resolution: LOOK_MS });

/** Begins to measure how long the event loop is held up, or ends it and tells in microseconds. */
function delay({ isOn }) {
  if (isOn) {
    delays.reset();
    delays.enable();
    return undefined;
  }
  delays.disable();
  // It counts the time between two looks as well.
  const heldUp = (nanoseconds) => Math.max(0, nanoseconds / 1_000 - LOOK_MS * 1_000);
  return { p99: heldUp(delays.percentile(99)), most: heldUp(delays.max) };
}

obey(commands);

try {
  const { start } = await import(`./${name}.js`);
  server = await start();
  process.send({ ready: { port: server.port } });
} catch (error) {
  process.send({ failed: String(error?.message ?? error) });
}
