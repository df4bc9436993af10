import { CloseCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { spreadWindow, type Departures, type DepartureTimes } from './departures.js';
import type { Hub } from './hub.js';
import type { Clock } from './ports/index.js';

/** How a node says goodbye. */
export interface GoodbyeTimes extends DepartureTimes {
  /**
   * Whether other nodes take the clients: then they may move before their connection here is closed.
   * Default false: all are closed as soon as the answers that are due are out.
   */
  readonly handover?: boolean;
}

/** What a goodbye needs. */
export interface GoodbyeDependencies {
  readonly hub: Hub;
  readonly departures: Departures;
  readonly clock: Clock;
  /** Settles when nothing but connections has to be waited for. */
  readonly others: () => Promise<void>;
}

/** The end of a node for its clients. It happens once, whoever asks for it, and however often. */
export class Goodbye {
  #said: Promise<void> | undefined;

  constructor(private readonly deps: GoodbyeDependencies) {}

  /** Whether it has begun. */
  get hasBegun(): boolean {
    return this.#said !== undefined;
  }

  /**
   * Announces the end, waits for clients to move and for answers that are due, closes with 1001. Settles
   * when that is done, for everyone who asked; the times are those of the first.
   */
  say(times: GoodbyeTimes): Promise<void> {
    this.#said ??= this.#say(times);
    return this.#said;
  }

  async #say(times: GoodbyeTimes): Promise<void> {
    const { hub, departures, clock } = this.deps;
    const endsAt = clock.now() + times.drainMs;
    for (const connection of [...hub.connections]) {
      // Let in now, it would begin what nobody waits for.
      if (connection.state === 'awaiting-hello') close(connection);
    }
    if (times.handover === true) await departures.ask([...hub.connections], times);
    await this.#closeAll(Math.max(0, endsAt - clock.now()), times.spreadMs);
  }

  /** Tells those who were not told yet, and closes all together: what is still said reaches everyone. */
  async #closeAll(leftMs: number, spreadMs: number): Promise<void> {
    const connections = [...this.deps.hub.connections];
    const windowMs = spreadWindow(connections.length, spreadMs);
    for (const connection of connections) {
      if (connection.state !== 'open') continue;
      connection.outbox.send({ type: 'going-away', afterMs: 0, windowMs });
    }
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.deps.clock.after(leftMs, resolve);
    });
    const answered = connections.map((connection) => connection.drain());
    await Promise.race([Promise.all([...answered, this.deps.others()]), late]);
    cancel();
    for (const connection of connections) close(connection);
  }
}

function close(connection: Connection): void {
  connection.close(CloseCode.GoingAway, 'going away');
}
