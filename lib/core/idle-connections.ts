import { CloseCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import type { Hub } from './hub.js';
import type { Clock } from './ports/index.js';

/** Looks at every connection within the time after which one is idle. More would make it exacter. */
const LOOKS = 6;

/** What idle connections are found by. */
export interface IdleConnectionsDependencies {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Milliseconds after which a connection that is not used ends. 0: never. */
  readonly idleTimeoutMs: number;
}

/**
 * Ends connections that nobody uses, with 4301: those that are in no room, wait for no answer, and were
 * neither sent nor sent anything but signs of life. One timer for all, none while there is no connection.
 */
export class IdleConnections {
  /** How many looks in a row found a connection unused. */
  readonly #unused = new WeakMap<Connection, number>();
  #isLooking = false;

  constructor(private readonly deps: IdleConnectionsDependencies) {}

  /** There is a connection. */
  watch(): void {
    const { clock, idleTimeoutMs } = this.deps;
    if (this.#isLooking || idleTimeoutMs <= 0) return;
    this.#isLooking = true;
    clock.after(idleTimeoutMs / LOOKS, () => {
      this.#look();
    });
  }

  #look(): void {
    this.#isLooking = false;
    const { hub } = this.deps;
    for (const connection of hub.connections) this.#lookAt(connection);
    if (hub.size > 0) this.watch();
  }

  #lookAt(connection: Connection): void {
    const { outbox, rooms, state } = connection;
    const isWaiting = rooms.size > 0 || connection.requests.size > 0;
    const unused = outbox.wasUsed || isWaiting ? 0 : (this.#unused.get(connection) ?? 0) + 1;
    outbox.wasUsed = false;
    this.#unused.set(connection, unused);
    if (unused >= LOOKS && state === 'open') connection.close(CloseCode.Idle, 'not used');
  }
}
