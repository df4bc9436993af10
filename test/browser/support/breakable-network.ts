import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The network between a browser and a server on this machine: a proxy that can be cut. */
export class BreakableNetwork {
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  readonly #server = createServer((near) => {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = connect(this.port, 'localhost');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });

  private constructor(private readonly port: number) {}

  /** Listens on a port of its own, and leads to another. */
  static async to(port: number): Promise<BreakableNetwork> {
    const network = new BreakableNetwork(port);
    network.#server.listen(0, 'localhost');
    await once(network.#server, 'listening');
    return network;
  }

  /** Where the server is reached through it. */
  get url(): string {
    return `http://localhost:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Nothing gets through any more, and nobody is told why. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Everything gets through again. */
  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
