import { randomUUID } from 'node:crypto';

import { Connection } from './connection.js';
import { DIALECTS } from './dialects.js';
import { Latencies } from './latencies.js';
import { Tally } from './tally.js';
import { tokenOf } from './tokens.js';

/**
 * Handshakes under way at once. Clients that come back after a cut spread themselves; a thousand at once
 * is what the server lets wait.
 */
const HANDSHAKES = 256;

/** Many connections to one server, and what arrives on all of them. */
export class Crowd {
  connections = [];
  tally = new Tally();
  latencies = new Latencies();
  #visitors;
  #isProbe;

  /**
   * @param {string} server name of the server.
   * @param {number} port
   * @param {number} count how many connections.
   * @param {(index: number) => string[]} roomsOf the rooms of each.
   * @param {number} probes connections whose deliveries are looked into for their time. Default 32.
   */
  constructor(server, port, count, roomsOf, probes = 32) {
    const every = Math.max(1, Math.floor(count / probes));
    this.#isProbe = (index) => probes > 0 && index % every === 0;
    this.dialect = DIALECTS.get(server);
    this.port = port;
    this.#visitors = Array.from({ length: count }, (_, index) => {
      const user = `user-${String(index)}`;
      return { token: tokenOf(user), rooms: roomsOf(index), clientKey: `bench-${user}` };
    });
  }

  /** Who comes; what is written on a visitor is kept for its next connection. */
  get visitors() {
    return this.#visitors;
  }

  /** Connects all and resolves when each is in its rooms. */
  async connect() {
    let next = 0;
    const work = async () => {
      while (next < this.#visitors.length) {
        const index = next;
        next += 1;
        await this.#open(index, this.#isProbe(index));
      }
    };
    await Promise.all(Array.from({ length: HANDSHAKES }, work));
  }

  /** Somebody leaves, and somebody comes, into these rooms. */
  async replace(index, rooms) {
    this.connections[index].cut();
    const visitor = this.#visitors[index];
    this.#visitors[index] = { ...visitor, rooms, clientKey: randomUUID() };
    await this.#open(index, this.#isProbe(index));
  }

  /** Cuts all connections at once. */
  cut() {
    for (const connection of this.connections) connection?.cut();
    this.connections = [];
  }

  #open(index, isProbe) {
    return new Promise((resolve, reject) => {
      const failed = (why) => {
        const error = new Error(`connection ${String(index)}: ${why}`);
        this.tally.fail(error);
        reject(error);
      };
      const listener = {
        ready: resolve,
        failed,
        counted: (count) => this.counted(count, index),
        sample: isProbe
          ? (bytes, start, end) => this.latencies.sample(bytes, start, end)
          : undefined,
      };
      const { port, dialect } = this;
      this.connections[index] = new Connection(port, dialect, this.#visitors[index], listener);
    });
  }

  /** Messages or replies arrived on a connection. Replaced by whoever measures requests. */
  counted(count) {
    this.tally.add(count);
  }
}
