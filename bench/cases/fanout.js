/**
 * One publisher, many subscribers: what a delivery costs.
 *
 * A burst is published in one turn of the server's event loop; the next one when every delivery of the
 * one before has arrived.
 */
import { Crowd } from '../load/crowd.js';
import { samplesOf, Window } from '../load/window.js';
import { microseconds } from '../servers/payload.js';

/** Milliseconds of a stage, subscribers, the other numbers of them, and whether many rooms are tried. */
const SIZES = {
  full: { stageMs: 1_100, subscribers: 1_000, others: [100, 5_000], hasRooms: true },
  quick: { stageMs: 700, subscribers: 1_000, others: [100, 5_000], hasRooms: true },
  smallest: { stageMs: 60, subscribers: 40, others: [], hasRooms: false },
};
/** Deliveries a second of messages that come one at a time. */
const PACED_RATE = 20_000;
/** Deliveries a second at half load if bare `ws` is not there to say what half is. */
const FALLBACK_RATE = 50_000;
const ROOM = ['bench/hall'];
/** Rooms of the case with several, and how many of them a connection is in. */
const MANY_ROOMS = Array.from({ length: 40 }, (_, index) => `bench/room-${String(index)}`);
const ROOMS_EACH = 4;
const COST = ['cpu', 'loadCpu', 'p50', 'p99'];
const CLOSED = ['cpu', 'loadCpu', 'rate', 'p50', 'p99'];

/** What is measured, by the name of the case. */
const STAGES = {
  single: { metrics: COST, run: (hall, ms) => hall.paced(PACED_RATE, ms) },
  'single-unpaced': { metrics: CLOSED, run: (hall, ms) => hall.bursts(1, ms) },
  'half-load': { metrics: COST, run: (hall, ms, job) => hall.paced(halfLoad(job), ms) },
  'bursts-of-10': { metrics: CLOSED, run: (hall, ms) => hall.bursts(10, ms) },
  'bursts-of-100': { metrics: CLOSED, run: (hall, ms) => hall.bursts(100, ms) },
};
const ALL_STAGES = Object.keys(STAGES);

export const fanout = {
  title: 'Fan-out to one room',
  servers: ['ws', 'ours', 'platform-ws', 'socketio', 'platform-socketio', 'uwebsockets'],

  /** The jobs of one run, bare `ws` first: it says what half load is. */
  plan({ servers, size }) {
    const { stageMs, subscribers, others, hasRooms } = SIZES[size];
    const job = { bench: 'fanout', stageMs, suffix: '' };
    const jobs = servers.map((server) => {
      return { ...job, server, subscribers, stages: ALL_STAGES };
    });
    for (const server of servers.filter((name) => name === 'ours' || name === 'ws')) {
      for (const other of others) {
        const suffix = `-to-${String(other)}`;
        const stages = ['single', 'bursts-of-10'];
        jobs.push({ ...job, server, subscribers: other, stages, suffix });
      }
      if (!hasRooms) continue;
      const rooms = { subscribers, stages: ['bursts-of-100'], suffix: '-in-40-rooms' };
      jobs.push({ ...job, server, ...rooms, manyRooms: true });
    }
    return jobs;
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const rooms = job.manyRooms ? MANY_ROOMS : ROOM;
    const roomsOf = job.manyRooms ? someOfMany : () => ROOM;
    const crowd = new Crowd(job.server, server.port, job.subscribers, roomsOf);
    const hall = new Hall(server, crowd, rooms);
    await crowd.connect();
    // Until the compiler has come to rest.
    await hall.bursts(10, job.stageMs / 2);
    await hall.bursts(1, job.stageMs / 2);
    const samples = [];
    for (const stage of job.stages) {
      const { metrics, run } = STAGES[stage];
      const window = new Window(server, crowd);
      const measured = await window.measure(() => run(hall, job.stageMs, { ...job, samples }));
      samples.push(...samplesOf(job.server, stage + job.suffix, measured, metrics));
    }
    crowd.cut();
    return samples;
  },
};

/** Four of forty rooms, other neighbours in each: sets of rooms hardly ever repeat. */
function someOfMany(index) {
  const step = 1 + (index % 9);
  return Array.from({ length: ROOMS_EACH }, (_, room) => {
    return MANY_ROOMS[(index + room * step) % MANY_ROOMS.length];
  });
}

/** Half of the deliveries a second of which bare `ws` is capable, one message at a time. */
function halfLoad({ earlier, samples }) {
  const found = [...earlier, ...samples].find(
    (sample) =>
      sample.server === 'ws' && sample.case === 'single-unpaced' && sample.metric === 'rate',
  );
  return found === undefined ? FALLBACK_RATE : found.value / 2;
}

/** The rooms of a crowd, and the ways to publish into them. */
export class Hall {
  #expected = 0;

  constructor(server, crowd, rooms) {
    this.server = server;
    this.crowd = crowd;
    this.rooms = rooms;
    this.members = rooms.map(
      (room) => crowd.visitors.filter((visitor) => visitor.rooms.includes(room)).length,
    );
  }

  /**
   * Bursts of so many messages for about so long, each after the one before has arrived. `options` go to
   * the server's `burst`.
   */
  async bursts(count, ms, options = {}) {
    const deliveries = this.#deliveries(count);
    const endAt = microseconds() + ms * 1_000;
    while (microseconds() < endAt) {
      this.#expected += deliveries;
      this.server.tell('burst', { rooms: this.rooms, count, ...options });
      await this.#arrived();
    }
  }

  /** Single messages so that so many deliveries a second are made. */
  async paced(rate, ms) {
    const everyUs = (this.#deliveries(1) / rate) * 1_000_000;
    const count = Math.max(2, Math.round((ms * 1_000) / everyUs));
    this.#expected += this.#deliveries(1) * count;
    await this.server.call('pace', { rooms: this.rooms.slice(0, 1), count, everyUs });
    await this.#arrived();
  }

  /** Resolves when all is there, and nothing that should not be: a wrong count is no figure. */
  async #arrived() {
    const { tally } = this.crowd;
    await tally.until(this.#expected);
    if (tally.count === this.#expected) return;
    throw new Error(`expected ${String(this.#expected)} deliveries, got ${String(tally.count)}`);
  }

  #deliveries(count) {
    let sum = 0;
    for (let index = 0; index < count; index += 1) sum += this.members[index % this.members.length];
    return sum;
  }
}
