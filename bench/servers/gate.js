import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

/** The way of one node to Redis, which can be barred: what runs is cut, and nobody is let in. */
export class Gate {
  #sockets = new Set();
  #isOpen = true;
  #server;

  /** @param {string} url where Redis is. */
  constructor(url) {
    const { port } = new URL(url);
    this.#server = createServer({ noDelay: true }, (socket) => this.#pass(socket, Number(port)));
  }

  /** Resolves to the address at which Redis is behind it. */
  async open() {
    await new Promise((resolve) => this.#server.listen(0, HOST, resolve));
    return `redis://${HOST}:${String(this.#server.address().port)}`;
  }

  /** Bars the way, or frees it. */
  set isOpen(isOpen) {
    this.#isOpen = isOpen;
    if (isOpen) return;
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(socket, port) {
    if (!this.#isOpen) {
      socket.destroy();
      return;
    }
    const other = connect({ port, host: HOST, noDelay: true });
    for (const [one, its] of [
      [socket, other],
      [other, socket],
    ]) {
      this.#sockets.add(one);
      one.pipe(its);
      // A connection that was cut ends its other half, too.
      one.on('error', () => its.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        its.destroy();
      });
    }
  }
}
