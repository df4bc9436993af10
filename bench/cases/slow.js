/**
 * Readers that stopped reading: what a server keeps for them, and what the others notice of it.
 *
 * 1,000 are in a room with a message now and then. A hundred of them are in a second room, into which
 * 10 MB a second are published, or as much as the server can, and read nothing from then on. What the
 * others notice is measured twice: while the operating system's buffers fill, 4 MB for each of the stuck,
 * which is the same work for every server, and once it takes nothing more for them. The others are sent
 * messages all the time: the first after seconds of silence may be late, stuck readers or not, and two late
 * ones of ninety would be the whole 99th percentile. Memory is looked at all the time.
 */
import { randomUUID } from 'node:crypto';

import { Crowd } from '../load/crowd.js';
import { samplesOf, Window } from '../load/window.js';
import { Hall } from './fanout.js';

const ROOM = 'bench/hall';
const FLOOD = 'bench/flood';
const BYTES_PER_SECOND = 10_000_000;
/** Bytes of a message of the flood. */
const MESSAGE_BYTES = 50_000;
/** Deliveries a second to those who read. */
const RATE = 20_000;
const SIZES = {
  full: { readers: 900, stuck: 100, fillMs: 4_000, ms: 4_000 },
  quick: { readers: 900, stuck: 100, fillMs: 3_000, ms: 2_000 },
  smallest: { readers: 20, stuck: 2, fillMs: 200, ms: 200 },
};
/** Milliseconds between two looks at the server's memory. */
const LOOK_MS = 50;

export const slow = {
  title: 'Readers that stopped reading',
  servers: ['ws', 'ours', 'socketio'],
  isApart: true,

  /** The jobs of one run. */
  plan({ servers, size }) {
    return servers.map((server) => ({ bench: 'slow', server, ...SIZES[size] }));
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const readers = new Crowd(job.server, server.port, job.readers, () => [ROOM]);
    const stuck = new Crowd(job.server, server.port, job.stuck, () => [ROOM, FLOOD], 0);
    for (const visitor of stuck.visitors) visitor.clientKey = randomUUID();
    await readers.connect();
    const hall = new Hall(server, readers, [ROOM]);
    await hall.paced(RATE, job.ms);
    const alone = await measured(server, readers, () => hall.paced(RATE, job.ms));
    await stuck.connect();
    const idleBytes = await server.call('memory');
    for (const connection of stuck.connections) connection.stall();
    let grownBytes = 0;
    const look = async () => {
      grownBytes = Math.max(grownBytes, (await server.call('resident')) - idleBytes);
    };
    const watch = setInterval(() => void look(), LOOK_MS);
    const flood = (ms) => {
      const options = { room: FLOOD, bytes: MESSAGE_BYTES, bytesPerSecond: BYTES_PER_SECOND, ms };
      return server.call('flood', options);
    };
    const both = (ms) => Promise.all([flood(ms), hall.paced(RATE, ms)]);
    const filling = await measured(server, readers, () => both(job.fillMs));
    let flooded = 0;
    const beside = await measured(server, readers, async () => {
      [flooded] = await both(job.ms);
    });
    clearInterval(watch);
    await look();
    readers.cut();
    stuck.cut();
    const line = { case: 'beside-stuck-readers', server: job.server };
    return [
      ...samplesOf(job.server, 'without-stuck-readers', alone, ['p50', 'p99']),
      ...samplesOf(job.server, 'while-buffers-fill', filling, ['p50', 'p99']),
      ...samplesOf(job.server, 'beside-stuck-readers', beside, ['p50', 'p99']),
      { ...line, metric: 'grownBytes', unit: 'B', value: grownBytes },
      { ...line, metric: 'flooded', unit: 'B/s', value: (flooded / job.ms) * 1_000 },
    ];
  },
};

function measured(server, crowd, work) {
  return new Window(server, crowd).measure(work);
}
