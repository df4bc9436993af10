import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** What a slow line may catch up. Milliseconds. */
const MOST_LATE_MS = 100;

/** The network between a browser and a server on this machine: a proxy that can be cut, and slow. */
export class BreakableNetwork {
  /** What the browser sends passes no faster. Bytes a second; absent: as fast as it can, 0: not at all. */
  bytesPerSecond: number | undefined;
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
      if (from === near) from.pipe(this.#throttle()).pipe(to);
      else from.pipe(to);
    }
  });

  private constructor(private readonly port: number) {}

  #throttle(): Transform {
    /** When the line is free again. */
    let freeAt = 0;
    return new Transform({
      highWaterMark: 1,
      transform: (piece: Buffer, _, pass) => {
        const { bytesPerSecond } = this;
        if (bytesPerSecond === 0) return;
        const now = performance.now();
        // Counted from then, not from now: timers are late.
        freeAt = bytesPerSecond
          ? Math.max(freeAt, now - MOST_LATE_MS) + (piece.length / bytesPerSecond) * 1_000
          : now;
        if (freeAt > now) setTimeout(pass, freeAt - now, null, piece);
        else pass(null, piece);
      },
    });
  }

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
