import { CloseCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import type { Clock } from './ports/index.js';

/** What the return of one client adds to the time over which all spread theirs, in milliseconds. */
const RETURN_MS = 2;

/** How long a goodbye takes. */
export interface GoodbyeTimes {
  readonly clock: Clock;
  /** Longest wait for answers, in milliseconds. 0: do not wait. */
  readonly drainMs: number;
  /** Longest time over which clients are asked to spread their return, in milliseconds. */
  readonly spreadMs: number;
}

/**
 * Announces the end to connections, waits for answers that are due, closes with 1001.
 *
 * @param others settles when nothing else has to be waited for.
 */
export async function sayGoodbye(
  connections: readonly Connection[],
  { clock, drainMs, spreadMs }: GoodbyeTimes,
  others: Promise<void>,
): Promise<void> {
  let cancel: () => void = () => undefined;
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(drainMs, resolve);
  });
  const windowMs = Math.min(spreadMs, 1_000 + connections.length * RETURN_MS);
  for (const connection of connections) {
    if (connection.state === 'open') {
      connection.outbox.send({ type: 'going-away', afterMs: 0, windowMs });
    } else {
      // Let in now, it would begin what nobody waits for.
      connection.close(CloseCode.GoingAway, 'going away');
    }
  }
  const answered = Promise.all([...connections.map((connection) => connection.drain()), others]);
  await Promise.race([answered, late]);
  cancel();
  for (const connection of connections) connection.close(CloseCode.GoingAway, 'going away');
}
