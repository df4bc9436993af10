/**
 * Payloads of 1 MiB, five a second: how long the event loop is held up, and how long others wait for a
 * small reply meanwhile, with and without the option `heavyFrames`.
 */
import { Crowd } from '../load/crowd.js';
import { RequestWriter } from '../load/frame-writer.js';
import { Neighbours } from '../load/neighbours.js';

const SIZES = { full: 6_000, quick: 4_000, smallest: 400 };
const EVERY_MS = 200;
/** Characters of a payload: the frame around it has to fit into 1 MiB. */
const LENGTH = 1_048_000;
/** Connections that ask for something small meanwhile. */
const NEIGHBOURS = 10;
/** Frames before anything is measured: the thread is started, code is compiled. */
const WARM_UP = 5;

/** Payloads as JSON texts, by the name of the case. */
const PAYLOADS = {
  // What applications send: lists of records.
  records: () => joined((n) => `{"id":${n},"name":"user ${n}","tags":["a","b"],"at":${n}}`, '[]'),
  // What is dearest to read that is not refused: objects of 9,000 fields each.
  'objects-of-9000-fields': () => joined((n) => `{${fields(n * 9_000, 9_000).join(',')}}`, '[]'),
  // What an attacker sends. With the option it is refused.
  'one-object-of-90000-fields': () => `{${fields(0, 90_000).join(',')}}`,
};

export const heavy = {
  title: 'Large payloads',
  servers: ['ours', 'ours-pool'],
  isApart: true,

  /** The jobs of one run. */
  plan({ servers, size }) {
    const names = Object.keys(PAYLOADS);
    return names.flatMap((name) =>
      servers.map((server) => ({ bench: 'heavy', server, name, ms: SIZES[size] })),
    );
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const roomsOf = (index) => [`bench/room-${String(index)}`];
    const crowd = new Crowd(job.server, server.port, 1 + NEIGHBOURS, roomsOf, 0);
    await server.call('spread');
    await crowd.connect();
    const neighbours = new Neighbours(crowd);
    const load = new HeavyLoad(crowd, PAYLOADS[job.name]());
    await load.warmUp();
    const measured = async (work) => {
      const before = await server.call('usage');
      const p99 = await neighbours.during(work);
      return { p99, used: (await server.call('usage')) - before };
    };
    // Half as long: twice what it used belongs to them beside the large ones.
    const alone = await measured(() => passed(job.ms / 2));
    await server.call('delay', { isOn: true });
    const beside = await measured(() => load.send(job.ms));
    const { p99, most } = await server.call('delay', { isOn: false });
    crowd.cut();
    const line = { case: job.name, server: job.server, unit: 'us' };
    return [
      { ...line, metric: 'loopDelay', value: p99 },
      { ...line, metric: 'longestDelay', value: most },
      { ...line, metric: 'aloneP99', value: alone.p99 },
      { ...line, metric: 'besideP99', value: beside.p99 },
      { ...line, metric: 'addedP99', value: beside.p99 - alone.p99 },
      { ...line, metric: 'cpu', value: (beside.used - alone.used * 2) / load.countIn(job.ms) },
    ];
  },
};

/** Requests with a large payload, on the first connection of a crowd. */
class HeavyLoad {
  #crowd;
  #writer;
  #sent = 0;

  constructor(crowd, payload) {
    this.#crowd = crowd;
    // The frame is made once: to mask it anew each time would hold up whoever measures.
    const text = (id) => `{"type":"request","id":"${id}","event":"take","payload":${payload}}`;
    this.#writer = new RequestWriter(text);
  }

  async warmUp() {
    for (let n = 0; n < WARM_UP; n += 1) {
      this.#next();
      await this.#crowd.tally.until(this.#sent);
    }
  }

  /** Sends for so many milliseconds, then waits for the last replies. */
  async send(ms) {
    for (let n = 0; n < this.countIn(ms); n += 1) {
      this.#next();
      await passed(EVERY_MS);
    }
    await this.#crowd.tally.until(this.#sent);
  }

  countIn(ms) {
    return Math.ceil(ms / EVERY_MS);
  }

  #next() {
    this.#sent += 1;
    this.#crowd.connections[0].write(this.#writer.next(1));
  }
}

function passed(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Members one behind the other until the text is as long as it should be. */
function joined(member, [open, close]) {
  const members = [];
  let length = 2;
  for (let n = 0; ; n += 1) {
    const text = member(n);
    length += text.length + 1;
    if (length > LENGTH) return open + members.join(',') + close;
    members.push(text);
  }
}

function fields(from, count) {
  return Array.from({ length: count }, (_, n) => `"k${String(from + n)}":${String(n % 10)}`);
}
