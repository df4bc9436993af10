import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

import { requestPath } from './handshake.js';
import { onlookers } from './header-deadline.js';
import { refuseUpgrade } from './http-refusal.js';

/** Something that handles upgrade requests, as `server.on('upgrade', …)` expects it. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Shares the upgrade requests of one HTTP server: ours by path, those of an adapter beside us by
 * handing them on, everybody else's untouched. A request that nobody can want is answered with 404
 * instead of a hang-up.
 *
 * Listeners of the other adapter are taken over ({@link adopt}) because some destroy every socket
 * whose path they do not know, ours included, as soon as anybody answers later than in the same turn.
 */
export class UpgradeRouter {
  readonly #adopted: UpgradeListener[] = [];
  readonly #listener: UpgradeListener;
  #isRetired = false;

  constructor(
    private readonly server: Server,
    private readonly path: string,
    private readonly ours: UpgradeListener,
  ) {
    this.#listener = (request, socket, head) => {
      this.#route(request, socket, head);
    };
    server.on('upgrade', this.#listener);
  }

  /** Runs `install`, and takes over whatever upgrade listeners it adds to the server. */
  adopt<T>(install: () => T): T {
    const before = new Set(this.server.listeners('upgrade'));
    const result = install();
    for (const listener of this.server.listeners('upgrade') as UpgradeListener[]) {
      if (before.has(listener)) continue;
      this.server.off('upgrade', listener);
      this.#adopted.push(listener);
    }
    return result;
  }

  /**
   * For a server that is about to close: whoever was adopted is gone and is asked no more. What nobody
   * else wants is ours from now on, so that it is refused as ours is.
   */
  retire(): void {
    this.#isRetired = true;
    this.#adopted.length = 0;
  }

  /** Leaves the server as it was found. */
  detach(): void {
    this.server.off('upgrade', this.#listener);
    this.#adopted.length = 0;
  }

  /** Whether somebody else may answer. */
  #hasOthers(): boolean {
    const listeners = this.server.listeners('upgrade');
    return listeners.some((listener) => listener !== this.#listener && !onlookers.has(listener));
  }

  #route(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (requestPath(request) === this.path) {
      this.ours(request, socket, head);
      return;
    }
    for (const listener of this.#adopted) listener.call(this.server, request, socket, head);
    if (this.#adopted.length > 0 || this.#hasOthers()) return;
    if (this.#isRetired) {
      this.ours(request, socket, head);
      return;
    }
    socket.on('error', () => undefined);
    refuseUpgrade(socket, { status: 404, code: 'not-found', message: 'nothing to upgrade here' });
  }
}
