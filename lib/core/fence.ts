import { CloseCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import type { Departures } from './departures.js';
import type { Hub } from './hub.js';
import type { Broker, ControlCommand, Observer } from './ports/index.js';

const REASON = 'replaced by a newer connection';

type Replacement = ControlCommand & { kind: 'replace' };

/** What fencing needs. */
export interface FenceDependencies {
  readonly broker: Pick<Broker, 'command'>;
  readonly hub: Hub;
  readonly observer: Observer;
  readonly departures: Pick<Departures, 'has'>;
}

/**
 * Sees to it that a client instance has one connection: a new one closes those before it with 4409, on
 * every node.
 *
 * What one node says may reach the others late, when its connection is long gone and the client has come
 * back elsewhere. So it closes only what is older. Which of two is the older one is for the client to
 * say, which numbers its connections. Of clients that do not, the order is known on one node; for other
 * nodes the clocks say it: where they are wrong, an older connection stays until it is silent.
 *
 * One whose number is lower than that of one that is open comes too late: its `hello` was long on its way,
 * and its client has given it up. It ends at once, by its id: whatever comes late cannot close another one.
 */
export class Fence {
  constructor(private readonly deps: FenceDependencies) {}

  /** A connection of a client that has a name is open. */
  arrived({ client, attempt, id: connectionId, session }: Connection): void {
    if (session === undefined) return;
    const { broker, observer } = this.deps;
    const { user, since } = session;
    const named = { userId: user.id, client, connectionId, since };
    const numbered = attempt === undefined ? named : { ...named, attempt };
    broker.command({ kind: 'replace', ...numbered }).catch((error: unknown) => {
      // Older connections end by their heartbeat.
      observer.failed('replace', error);
    });
  }

  /**
   * Closes this node's older connections of a client that has come back; not those that were asked to
   * leave: the client closes them itself when the new one has everything, and has answers to get there.
   */
  replace(command: Replacement): void {
    const { userId, client, connectionId } = command;
    const all = [...this.deps.hub.ofUser(userId)].filter((one) => one.client === client);
    if (all.some((one) => isOpen(one) && isNumberedAfter(one, command))) {
      this.#turnAway(connectionId);
      return;
    }
    // In the order in which their sessions began. -1: it is on another node, or gone.
    const place = all.findIndex(({ id }) => id === connectionId);
    for (const [index, connection] of all.entries()) {
      if (index === place || !isOlder(connection, command, index < place)) continue;
      if (this.deps.departures.has(connection)) continue;
      connection.close(CloseCode.Replaced, REASON);
    }
  }

  #turnAway(connectionId: string): void {
    const target = { connectionId };
    const command = {
      kind: 'disconnect',
      target,
      code: CloseCode.Replaced,
      reason: REASON,
    } as const;
    this.deps.broker.command(command).catch((error: unknown) => {
      // It ends by its heartbeat.
      this.deps.observer.failed('replace', error);
    });
  }
}

function isOpen({ state }: Connection): boolean {
  return state === 'open';
}

function isNumberedAfter({ attempt }: Connection, late: Replacement): boolean {
  return attempt !== undefined && late.attempt !== undefined && attempt > late.attempt;
}

function isOlder(
  { attempt, session }: Connection,
  newer: Replacement,
  beganBefore: boolean,
): boolean {
  if (attempt !== undefined && newer.attempt !== undefined) return attempt < newer.attempt;
  return beganBefore || (session?.since ?? Infinity) < newer.since;
}
