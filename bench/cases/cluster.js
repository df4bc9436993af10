/**
 * Several nodes on one Redis: what is published on one and delivered by another, beside Socket.IO with
 * each of its adapters on Redis.
 */
import { Crowd } from '../load/crowd.js';
import { measureAway } from '../load/away.js';
import { microseconds } from '../servers/payload.js';
import { Hall } from './fanout.js';

const ROOM = ['bench/hall'];
const BURST = 100;
/** Subscribers of the bursts, and of the steady messages: to more of them Socket.IO cannot deliver so many. */
const SUBSCRIBERS = 100;
const FEW_SUBSCRIBERS = 2;
/** Messages a second that come one by one. */
const STEADY_RATE = 3_000;
/** The node that publishes has no subscribers; this one has them all. */
const AWAY = 1;
/**
 * The bursts, by the name of the case. In the second each message has an id of its publisher's, so that it
 * takes effect once however often it is published: nobody else has that, so it is compared with their first.
 */
const BURSTS = new Map([
  ['bursts-of-100', {}],
  ['bursts-of-100-with-ids', { isNamed: true }],
]);
/** Milliseconds until every node listens to what its clients are in. */
const SETTLE_MS = 300;
const METRICS = ['cpu', 'loadCpu', 'rate', 'p50', 'p99'];

/** Rooms of the case with many, how many of them a client is in, and how long it stays. */
const MANY_ROOMS = Array.from({ length: 1_000 }, (_, index) => `bench/room-${String(index)}`);
const ROOMS_EACH = 2;
const STAY_MS = 600_000;
const MANY_NODES = 3;
/** Messages into rooms at random that one node publishes in one turn, and between two of these. */
const SCATTERED = 100;
const SCATTER_MS = 25;

/** Milliseconds of a stage and of warming up; of many rooms, the clients of a node, and the milliseconds. */
const SIZES = {
  full: { stageMs: 900, warmUpMs: 700, clients: 300, restMs: 5_000, scatterMs: 1_500 },
  quick: { stageMs: 700, warmUpMs: 700, clients: 300, restMs: 5_000, scatterMs: 1_500 },
  smallest: { stageMs: 60, warmUpMs: 60, clients: 20, restMs: 20, scatterMs: 100 },
};

export const cluster = {
  title: 'Several nodes on Redis',
  servers: ['ours', 'redis-adapter', 'sharded-adapter', 'streams-adapter'],
  isApart: true,

  /** The jobs of one run. Only ours counts what its nodes got for nobody. */
  plan({ servers, size }) {
    const job = { bench: 'cluster', ...SIZES[size] };
    const pairs = servers.map((server) => ({ ...job, server, nodes: 2 }));
    if (!servers.includes('ours')) return pairs;
    return [...pairs, { ...job, server: 'ours', nodes: MANY_NODES, suffix: ', many rooms' }];
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    if (job.nodes === MANY_NODES) return scatter(server, job);
    return [...(await bursts(server, job)), ...(await steady(server, job))];
  },
};

/** Bursts of messages, each burst published in one turn, the next when all have arrived. */
async function bursts(server, job) {
  const { crowd, hall } = await gather(server, job, SUBSCRIBERS);
  const of = { server: job.server, subscribers: SUBSCRIBERS, metrics: METRICS };
  const samples = [];
  for (const [name, options] of BURSTS) {
    if ('isNamed' in options && job.server !== 'ours') continue;
    await hall.bursts(BURST, job.warmUpMs, options);
    const run = () => hall.bursts(BURST, job.stageMs, options);
    samples.push(...(await measureAway(server, crowd, run, { ...of, name })));
  }
  crowd.cut();
  return samples;
}

/** Messages that come one by one, at the same rate for everybody. */
async function steady(server, job) {
  const { crowd, hall } = await gather(server, job, FEW_SUBSCRIBERS);
  const run = (ms) => hall.paced(STEADY_RATE * FEW_SUBSCRIBERS, ms);
  await run(job.warmUpMs / 2);
  const samples = await measureAway(server, crowd, () => run(job.stageMs), {
    ...{ name: 'steady-3000', server: job.server, subscribers: FEW_SUBSCRIBERS },
    metrics: METRICS.filter((metric) => metric !== 'rate'),
  });
  crowd.cut();
  return samples;
}

async function gather(server, job, subscribers) {
  const crowd = new Crowd(job.server, server.ports[AWAY], subscribers, () => ROOM);
  await crowd.connect();
  await wait(SETTLE_MS);
  return { crowd, hall: new Hall(server, crowd, ROOM) };
}

/**
 * Messages into rooms at random, on nodes at random, while clients come and go: counts those that a node
 * got from Redis although nobody on it was in the room.
 */
async function scatter(server, job) {
  const random = randomFrom(7);
  const roomsOf = () => Array.from({ length: ROOMS_EACH }, () => pick(MANY_ROOMS, random));
  const crowds = server.ports.map((port) => new Crowd(job.server, port, job.clients, roomsOf, 0));
  for (const [node, { visitors }] of crowds.entries()) {
    // Nobody is on two nodes: who came second would take the place of the first.
    for (const visitor of visitors) visitor.clientKey += `-on-${String(node)}`;
  }
  await Promise.all(crowds.map((crowd) => crowd.connect()));
  const replaceMs = STAY_MS / (job.clients * crowds.length);
  const coming = setInterval(() => {
    void pick(crowds, random).replace(Math.floor(random() * job.clients), roomsOf());
  }, replaceMs);
  // As long as a node goes on listening to a room that its last client has left: what follows is typical.
  await wait(job.restMs);
  const before = sum(await server.call('traffic'));
  const endAt = microseconds() + job.scatterMs * 1_000;
  while (microseconds() < endAt) {
    const rooms = Array.from({ length: SCATTERED }, () => pick(MANY_ROOMS, random));
    const node = Math.floor(random() * crowds.length);
    server.tell('burst', { node, rooms, count: SCATTERED });
    await wait(SCATTER_MS);
  }
  await wait(SETTLE_MS);
  clearInterval(coming);
  const after = sum(await server.call('traffic'));
  for (const crowd of crowds) crowd.cut();
  const received = after.received - before.received;
  const line = { case: 'in-1000-rooms', server: job.server };
  return [
    { ...line, metric: 'received', unit: 'messages', value: received },
    { ...line, metric: 'wasted', unit: 'share', value: (after.wasted - before.wasted) / received },
  ];
}

function sum(each) {
  const total = (field) => each.reduce((so, traffic) => so + traffic[field], 0);
  return { received: total('received'), wasted: total('wasted') };
}

function pick(list, random) {
  return list[Math.floor(random() * list.length)];
}

/** The same numbers from 0 to 1 for the same seed (mulberry32): every run has the same rooms. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
