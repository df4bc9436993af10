/**
 * Connections that were asked to go elsewhere, while they still work here: a client opens a new
 * connection to another node, takes its rooms up there by their positions, and then leaves this one. So
 * it misses nothing and waits for nothing.
 */
import { CloseCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { Deadlines } from './deadlines.js';
import type { Clock, Random } from './ports/index.js';

/** What the return of one client adds to the time over which all spread theirs, in milliseconds. */
const RETURN_MS = 2;
/** The shortest time over which they do, in milliseconds, unless less is asked for. */
const SHORTEST_WINDOW_MS = 1_000;
/** Parts of the whole time: where the window ends at the latest, and between which who stays is closed. */
const WINDOW_END = 0.4;
const CLOSING_FROM = 0.5;
const CLOSING_UNTIL = 0.75;

/** How long leaving may take. */
export interface DepartureTimes {
  /** Longest time until everyone has left, unanswered requests included, in milliseconds. */
  readonly drainMs: number;
  /** Longest time over which clients are asked to spread their return, in milliseconds. */
  readonly spreadMs: number;
}

/** What departures need. */
export interface DepartureDependencies {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The time over which so many clients are asked to spread their return, in milliseconds.
 *
 * @param longestMs the bound; 0: all at once.
 */
export function spreadWindow(count: number, longestMs: number): number {
  return Math.min(longestMs, SHORTEST_WINDOW_MS + count * RETURN_MS);
}

/** That a connection was asked to leave. */
interface Departure {
  /** Settles when it has ended, or is waited for no longer. */
  readonly ended: Promise<void>;
  end(): void;
}

function departure(): Departure {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end };
}

/** See the head of this file. */
export class Departures {
  readonly #leaving = new Map<Connection, Departure>();
  readonly #moments: Deadlines<Connection>;

  constructor(private readonly deps: DepartureDependencies) {
    this.#moments = new Deadlines(deps.clock, (connection) => {
      void dismiss(connection);
    });
  }

  /** Whether a connection was asked to leave and still works. */
  has(connection: Connection): boolean {
    return this.#leaving.has(connection);
  }

  /**
   * Asks connections to leave. Those whose clients cannot move without a break are closed one after
   * another within the window, those that stay although they could in the second half of the time.
   * Each gets its answers first. Settles when the last one has ended, or the time is over.
   *
   * @param connections open ones. Those that were asked before are not asked again, but waited for.
   */
  async ask(
    connections: readonly Connection[],
    { drainMs, spreadMs }: DepartureTimes,
  ): Promise<void> {
    const asked = connections.filter((connection) => !this.has(connection));
    const windowMs = spreadWindow(asked.length, Math.min(spreadMs, drainMs * WINDOW_END));
    for (const connection of asked) {
      // What is sent may be what ends a connection that reads too slowly: noted before.
      this.#leaving.set(connection, departure());
      const served = canMove(connection);
      connection.outbox.send({
        type: 'going-away',
        afterMs: 0,
        windowMs: Math.ceil(windowMs),
        served,
      });
      this.#setMoment(connection, windowMs, drainMs);
    }
    const leaving = connections.flatMap((connection) => this.#leaving.get(connection) ?? []);
    const stop = this.deps.clock.after(drainMs, () => {
      for (const connection of connections) this.ended(connection);
    });
    await Promise.all(leaving.map(({ ended }) => ended));
    stop();
  }

  /**
   * Asks a random part of some connections to leave, as {@link ask} does. Those that were asked already
   * count as part of it.
   *
   * @param fraction from 0 (nobody) to 1 (all).
   * @returns how many were asked.
   */
  async askSome(
    connections: readonly Connection[],
    fraction: number,
    times: DepartureTimes,
  ): Promise<number> {
    const wanted = Math.round(connections.length * fraction);
    const staying = connections.filter((connection) => !this.has(connection));
    const count = Math.max(0, wanted - (connections.length - staying.length));
    const chosen = this.#choose(staying, count);
    await this.ask(chosen, times);
    return chosen.length;
  }

  /** So many of them, each with the same chance. */
  #choose(connections: readonly Connection[], count: number): Connection[] {
    const left = [...connections];
    return Array.from({ length: count }, () => {
      const index = Math.floor(this.deps.random.fraction() * left.length);
      // The last one takes the place of the chosen one: to close the gap would move all behind it.
      const chosen = left.slice(index, index + 1);
      const last = left.pop();
      if (last !== undefined && index < left.length) left[index] = last;
      return chosen;
    }).flat();
  }

  /** A connection has ended, or is waited for no longer. */
  ended(connection: Connection): void {
    const left = this.#leaving.get(connection);
    if (left === undefined) return;
    this.#leaving.delete(connection);
    this.#moments.delete(connection);
    left.end();
  }

  #setMoment(connection: Connection, windowMs: number, drainMs: number): void {
    if (!this.has(connection)) return;
    const { clock, random } = this.deps;
    const [from, until] = canMove(connection)
      ? [drainMs * CLOSING_FROM, drainMs * CLOSING_UNTIL]
      : [0, windowMs];
    this.#moments.set(connection, clock.now() + from + random.fraction() * (until - from));
  }
}

/** Stops taking work from a connection, and closes it once it has its answers. */
async function dismiss(connection: Connection): Promise<void> {
  await connection.drain();
  connection.close(CloseCode.GoingAway, 'going away');
}

/** Whether its client opens a new connection before it leaves this one: who does numbers them. */
function canMove({ attempt }: Connection): boolean {
  return attempt !== undefined;
}
