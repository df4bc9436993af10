/** Stands between a node and its store, and does to the connection what networks do. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Where connections are passed on to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What becomes of a piece of what the server sends. `undefined`: it is lost. */
export type Tamper = (piece: Buffer) => Buffer | undefined;

/** A proxy that listens. */
export class TcpProxy {
  /** Applies to what the server sends from now on. Absent: passed on as it is. */
  tamper: Tamper | undefined;
  /** Whether nothing passes, in either direction, while connections seem to stand. */
  isSilent = false;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #server: Server;
  #accepted = 0;

  private constructor(public target: Target) {
    this.#server = createServer((near) => {
      this.#pass(near);
    });
  }

  /** Starts one on a free port. */
  static async start(target: Target): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get host(): string {
    return '127.0.0.1';
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that were taken so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Cuts every connection off. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await ended;
  }

  #pass(near: Socket): void {
    this.#accepted += 1;
    const far = connect(this.target.port, this.target.host);
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('data', (piece: Buffer) => {
        if (this.isSilent) return;
        const passed = socket === far && this.tamper !== undefined ? this.tamper(piece) : piece;
        if (passed !== undefined) other.write(passed);
      });
      // A connection that breaks is what this is for.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
  }
}
