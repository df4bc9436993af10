/**
 * Redis comes back to a node with thousands of rooms, into each of which another node has published
 * meanwhile: what publishing costs while all of that is read again, against before. T-04 of the faults.
 */
import { Crowd } from '../load/crowd.js';
import { microseconds } from '../servers/payload.js';

/** Where the node publishes all the time, one message after the other. Nobody is in it. */
const ELSEWHERE = 'bench/elsewhere';
const EVERY_US = 4_000;
/** The node whose way to Redis is cut, and the one that publishes meanwhile. */
const [CUT, OTHER] = [0, 1];
/** Rooms into which the other one publishes in one turn, and milliseconds between two of these. */
const PART = 500;
const PART_MS = 50;

/** Milliseconds for which it goes on publishing when all is as it had been. */
const REST_MS = 50;

/** Rooms, each with one client; milliseconds that are measured before, and that Redis is away. */
const SIZES = {
  full: { rooms: 10_000, beforeMs: 4_000, awayMs: 5_000 },
  quick: { rooms: 2_000, beforeMs: 2_000, awayMs: 2_000 },
  smallest: { rooms: 20, beforeMs: 100, awayMs: 100 },
};

/** By the name of the case: whether all clients are cut, too, when Redis is back, and come with their positions. */
const CASES = new Map([
  ['redis-back', { isEverybodyCut: false }],
  ['redis-and-all-clients-back', { isEverybodyCut: true }],
]);

export const outage = {
  title: 'Redis comes back to a node',
  servers: ['ours'],
  isApart: true,

  /** The jobs of one run. */
  plan({ servers, size }) {
    return servers.flatMap((server) =>
      [...CASES].map(([name, how]) => ({
        ...{ bench: 'outage', server, nodes: 2, hasGate: true },
        ...{ ...SIZES[size], ...how, name, suffix: `, ${name}` },
      })),
    );
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const rooms = Array.from({ length: job.rooms }, (_, index) => `bench/room-${String(index)}`);
    const crowd = new Crowd(job.server, server.ports[CUT], job.rooms, (index) => [rooms[index]], 0);
    for (const visitor of crowd.visitors) Object.assign(visitor, { seen: new Map(), attempt: 1 });
    await crowd.connect();
    await acknowledged(server, () => wait(job.beforeMs / 2));
    const before = await acknowledged(server, () => wait(job.beforeMs));
    await server.call('gate', { isOpen: false });
    await publishAll(server, rooms);
    await wait(job.awayMs);
    if (job.isEverybodyCut) for (const visitor of crowd.visitors) comeBack(visitor);
    let backAt;
    let doneAt;
    const after = await acknowledged(server, async () => {
      if (job.isEverybodyCut) crowd.cut();
      await server.call('gate', { isOpen: true });
      backAt = microseconds();
      if (job.isEverybodyCut) await crowd.connect();
      await crowd.tally.until(job.rooms);
      doneAt = microseconds();
      await wait(REST_MS);
    });
    crowd.cut();
    return samplesOf(job, before, meanwhile(after, doneAt), (doneAt - backAt) / 1_000_000);
  },
};

/** What a node publishes while something is done: when each message began, and when it was acknowledged. */
async function acknowledged(server, work) {
  await server.call('acknowledge', { node: CUT, room: ELSEWHERE, everyUs: EVERY_US });
  await work();
  return server.call('acknowledged', { node: CUT });
}

/** Those that began after the first could be answered again, and before all was as it had been. */
function meanwhile(all, doneAt) {
  const firstAt = Math.min(...all.map(({ acknowledgedAt }) => acknowledgedAt ?? Infinity));
  const found = all.filter(({ beganAt }) => beganAt >= firstAt && beganAt <= doneAt);
  // With a few rooms all is over before the next one begins.
  return found.length > 0 ? found : all.slice(-1);
}

async function publishAll(server, rooms) {
  for (let from = 0; from < rooms.length; from += PART) {
    const some = rooms.slice(from, from + PART);
    server.tell('burst', { node: OTHER, rooms: some, count: some.length });
    await wait(PART_MS);
  }
}

/** Who was there before says where it was. */
function comeBack(visitor) {
  visitor.positions = new Map(visitor.seen);
  visitor.attempt += 1;
}

function samplesOf(job, before, after, seconds) {
  const failed = [...before, ...after].filter(({ acknowledgedAt }) => acknowledgedAt === undefined);
  if (failed.length > 0) throw new Error(`${String(failed.length)} publishes failed`);
  const line = { case: job.name, server: job.server };
  const p99 = at(after, 0.99);
  return [
    { ...line, metric: 'beforeP99', unit: 'us', value: at(before, 0.99) },
    { ...line, metric: 'p50', unit: 'us', value: at(after, 0.5) },
    { ...line, metric: 'p99', unit: 'us', value: p99 },
    { ...line, metric: 'p99ToBefore', unit: 'x', value: p99 / at(before, 0.99) },
    { ...line, metric: 'allMissedSeconds', unit: 's', value: seconds },
  ];
}

/** The time below which that share of the publishes was acknowledged. */
function at(publishes, share) {
  const times = publishes.map(({ beganAt, acknowledgedAt }) => acknowledgedAt - beganAt);
  times.sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * share))];
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
