import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { Target } from './tcp-proxy.js';

/** Gives connections to nodes in turn, without sticky sessions, as a load balancer does. */
export class RoundRobin {
  /** Nodes that take connections; one that refuses is passed over. */
  targets: readonly Target[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #next = 0;

  private constructor() {
    this.#server = createServer((near) => {
      this.#keep(near);
      this.#pass(near, this.targets.length);
    });
  }

  /** Starts one on a free port. */
  static async start(targets: readonly Target[]): Promise<RoundRobin> {
    const balancer = new RoundRobin();
    balancer.targets = targets;
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  /** Where clients connect to. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `ws://127.0.0.1:${String(port)}/realtime`;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await ended;
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    // A node that is killed is what this is for.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #pass(near: Socket, triesLeft: number): void {
    const target = this.targets[this.#next % this.targets.length];
    this.#next += 1;
    if (target === undefined || triesLeft === 0) {
      near.destroy();
      return;
    }
    const far = connect(target.port, target.host);
    this.#keep(far);
    let isConnected = false;
    far.once('connect', () => {
      isConnected = true;
      near.pipe(far).pipe(near);
      near.once('close', () => far.destroy());
    });
    far.once('close', () => {
      if (isConnected) near.destroy();
      else this.#pass(near, triesLeft - 1);
    });
  }
}
