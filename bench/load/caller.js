import { RequestWriter } from './frame-writer.js';
import { microseconds } from '../servers/payload.js';

/**
 * Asks on every connection of a crowd, with a number of requests in flight on each: as many new ones go
 * out as replies came in, in one write. Replies of a connection come in the order of its requests.
 */
export class Caller {
  #writer;
  #sentAt;
  #next;
  #isOn = false;

  /**
   * @param {object} crowd see crowd.js; its arrivals are the replies from now on.
   * @param {string} event the handler to ask.
   * @param {number} inFlight requests in flight a connection.
   */
  constructor(crowd, event, inFlight) {
    this.crowd = crowd;
    this.inFlight = inFlight;
    this.#writer = new RequestWriter((id) => crowd.dialect.request(event, id));
    this.#sentAt = crowd.connections.map(() => new Float64Array(inFlight));
    this.#next = crowd.connections.map(() => 0);
  }

  /** Asks for so many milliseconds, then waits for the last replies. */
  async ask(ms) {
    const { crowd, inFlight } = this;
    const before = crowd.tally.count;
    let sent = 0;
    crowd.counted = (count, index) => {
      this.#took(count, index);
      crowd.tally.add(count);
      if (!this.#isOn) return;
      sent += count;
      crowd.connections[index].write(this.#writer.next(count));
    };
    this.#isOn = true;
    const now = microseconds();
    for (const [index, connection] of crowd.connections.entries()) {
      this.#sentAt[index].fill(now);
      this.#next[index] = 0;
      sent += inFlight;
      connection.write(this.#writer.next(inFlight));
    }
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#isOn = false;
    await crowd.tally.until(before + sent);
  }

  #took(count, index) {
    const now = microseconds();
    const sentAt = this.#sentAt[index];
    for (let reply = 0; reply < count; reply += 1) {
      const slot = this.#next[index];
      this.crowd.latencies.add(now - sentAt[slot]);
      // What is sent in its place goes out now.
      sentAt[slot] = now;
      this.#next[index] = (slot + 1) % this.inFlight;
    }
  }
}
