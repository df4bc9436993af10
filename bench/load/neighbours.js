import { Latencies } from './latencies.js';
import { RequestWriter } from './frame-writer.js';
import { microseconds } from '../servers/payload.js';

/** A request of somebody each so many milliseconds. */
const EVERY_MS = 5;
/** The connection that makes the heavy load: its replies are counted by the crowd. */
const FIRST = 1;

/**
 * All connections of a crowd but the first: they ask something small, in turn, at a steady pace, whether
 * the one before was answered or not.
 */
export class Neighbours {
  #crowd;
  #writer;
  #waiting;
  #latencies = new Latencies();
  #asked = 0;
  #answered = 0;

  /** @param {object} crowd see crowd.js. */
  constructor(crowd) {
    this.#crowd = crowd;
    this.#writer = new RequestWriter((id) => crowd.dialect.request('echo', id));
    this.#waiting = crowd.connections.map(() => []);
    const count = crowd.counted.bind(crowd);
    crowd.counted = (replies, index) => {
      if (index < FIRST) count(replies);
      else this.#took(replies, index);
    };
  }

  /** Asks while `work` goes on, and resolves to the 99th percentile of the time to the reply, in microseconds. */
  async during(work) {
    this.#latencies.clear();
    const timer = setInterval(() => this.#ask(), EVERY_MS);
    await work();
    clearInterval(timer);
    while (this.#answered < this.#asked) await new Promise((resolve) => setTimeout(resolve, 1));
    return this.#latencies.at(0.99);
  }

  #ask() {
    const { connections } = this.#crowd;
    const index = FIRST + (this.#asked % (connections.length - FIRST));
    this.#asked += 1;
    this.#waiting[index].push(microseconds());
    connections[index].write(this.#writer.next(1));
  }

  /** Replies of a connection come in the order of its requests. */
  #took(replies, index) {
    this.#answered += replies;
    for (const sentAt of this.#waiting[index].splice(0, replies)) {
      this.#latencies.add(microseconds() - sentAt);
    }
  }
}
