/**
 * Readers that stopped reading: what a server keeps for them, and what the others notice of it.
 *
 * 900 are in a room with a message now and then. A hundred others are in that room and in a second one,
 * into which 10 MB a second are published, or as much as the server can, and read nothing from then on.
 * What the 900 notice is measured without the hundred (the same is published, to nobody), while the operating
 * system's buffers for them fill, 4 MB for each of the stuck, which is the same work for every server, and
 * once it takes nothing more for them. That is done several times in one process, with a hundred new ones each time, and the times of all
 * rounds are taken together: each round has only some dozens of messages, so that its 99th percentile is
 * one of them, and a server is faster or slower for seconds on end whatever it does.
 *
 * Before those rounds there is one of which only memory is looked at. It has a forced collection, after
 * which compiled code is made anew, and all that a server does for the first time: the first full buffer in
 * a process costs compiled code that took it for impossible, 15 to 50 ms once, with bare `ws` as well. And
 * the 900 are sent messages before each window: the first after seconds of silence may be late.
 */
import { randomUUID } from 'node:crypto';

import { Crowd } from '../load/crowd.js';
import { Latencies } from '../load/latencies.js';
import { samplesOf, Window } from '../load/window.js';
import { Hall } from './fanout.js';

const ROOM = 'bench/hall';
const FLOOD = 'bench/flood';
const BYTES_PER_SECOND = 10_000_000;
/** Bytes of a message of the flood. */
const MESSAGE_BYTES = 50_000;
/** Deliveries a second to those who read. */
const RATE = 20_000;
const COUNTS = { readers: 900, stuck: 100 };
/**
 * Milliseconds: of messages before anything else, and before each window; of the windows. Those beside the
 * stuck go on for more than 5 s after the first flood, until a server that closed them has cut them, too.
 */
const TIMES = { warmMs: 2_000, leadMs: 300, fillMs: 2_000, ms: 3_800 };
const SIZES = {
  full: { ...COUNTS, ...TIMES, rounds: 3 },
  quick: { ...COUNTS, ...TIMES, rounds: 1 },
  smallest: {
    ...{ readers: 20, stuck: 2, rounds: 2 },
    ...{ warmMs: 100, leadMs: 20, fillMs: 200, ms: 200 },
  },
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
    const rounds = new Rounds(server, job);
    await rounds.begin();
    for (let round = 0; round < job.rounds; round += 1) await rounds.round();
    return rounds.end();
  },
};

/** The rounds of one job, and what came out so far. */
class Rounds {
  #alone = new Phase();
  #filling = new Phase();
  #beside = new Phase();
  #grownBytes = 0;
  #flooded = 0;

  constructor(server, job) {
    this.server = server;
    this.job = job;
    this.readers = new Crowd(job.server, server.port, job.readers, () => [ROOM]);
    this.hall = new Hall(server, this.readers, [ROOM]);
  }

  /** A round of which memory is looked at and nothing else: it is the first. */
  async begin() {
    const { job, server } = this;
    await this.readers.connect();
    await this.hall.paced(RATE, job.warmMs);
    const stuck = await this.#connectStuck();
    const idleBytes = await server.call('memory');
    stall(stuck);
    const watch = setInterval(() => void this.#look(idleBytes), LOOK_MS);
    await this.#flood(job.fillMs + job.ms);
    clearInterval(watch);
    await this.#look(idleBytes);
    stuck.cut();
  }

  /** Without, while their buffers fill, beside them. */
  async round() {
    const { job, hall } = this;
    await hall.paced(RATE, job.leadMs);
    // The same is published, to nobody: what the others notice is the stuck ones, not the publishing.
    await this.#measure(this.#alone, () => this.#flood(job.ms));
    const stuck = await this.#connectStuck();
    await hall.paced(RATE, job.leadMs);
    stall(stuck);
    await this.#measure(this.#filling, () => this.#flood(job.fillMs));
    await this.#measure(this.#beside, async () => {
      this.#flooded += await this.#flood(job.ms);
    });
    stuck.cut();
  }

  end() {
    this.readers.cut();
    const { job } = this;
    const line = { case: 'beside-stuck-readers', server: job.server };
    const samples = (name, phase) => samplesOf(job.server, name, phase.measured(), ['p50', 'p99']);
    const toAlone = (phase) => phase.measured().p99 / this.#alone.measured().p99;
    const seconds = (job.rounds * job.ms) / 1_000;
    return [
      ...samples('without-stuck-readers', this.#alone),
      ...samples('while-buffers-fill', this.#filling),
      { ...line, case: 'while-buffers-fill', ...p99ToAlone(toAlone(this.#filling)) },
      ...samples('beside-stuck-readers', this.#beside),
      { ...line, ...p99ToAlone(toAlone(this.#beside)) },
      { ...line, metric: 'grownBytes', unit: 'B', value: this.#grownBytes },
      { ...line, metric: 'flooded', unit: 'B/s', value: this.#flooded / seconds },
    ];
  }

  /** A hundred new ones, who read for now. */
  async #connectStuck() {
    const { server, job } = this;
    const stuck = new Crowd(job.server, server.port, job.stuck, () => [ROOM, FLOOD], 0);
    for (const visitor of stuck.visitors) visitor.clientKey = randomUUID();
    await stuck.connect();
    return stuck;
  }

  async #measure(phase, work) {
    const { server, readers } = this;
    phase.add(await new Window(server, readers).measure(work), readers.latencies);
  }

  /** Publishes into both rooms. Resolves to the bytes of the flood. */
  async #flood(ms) {
    const options = { room: FLOOD, bytes: MESSAGE_BYTES, bytesPerSecond: BYTES_PER_SECOND, ms };
    const [bytes] = await Promise.all([
      this.server.call('flood', options),
      this.hall.paced(RATE, ms),
    ]);
    return bytes;
  }

  async #look(idleBytes) {
    const resident = await this.server.call('resident');
    this.#grownBytes = Math.max(this.#grownBytes, resident - idleBytes);
  }
}

/** They read nothing from now on. */
function stall(crowd) {
  for (const connection of crowd.connections) connection.stall();
}

/** The windows of one kind, taken together. */
class Phase {
  #times = new Latencies();
  #others = [];

  add({ others }, latencies) {
    this.#times.addAll(latencies);
    this.#others.push(others);
  }

  measured() {
    const others = this.#others.reduce((sum, one) => sum + one, 0) / this.#others.length;
    return { p50: this.#times.at(0.5), p99: this.#times.at(0.99), others };
  }
}

/** A sample's metric. The times of windows that took turns: what slows all of them is in both. */
function p99ToAlone(value) {
  return { metric: 'p99ToAlone', unit: 'x', value };
}
