import { clientError } from './errors.js';
import { runtimeEnvironment } from './environment.js';
import { atLeast, expectName } from './option-checks.js';
import { Outbox, type OutboxOutcome } from './outbox.js';
import { OutboxStore } from './outbox-store.js';

/** How long the page before may take to let go of the outbox when a page is loaded again. Milliseconds. */
const UNLOCK_MS = 2_000;

/** Options of {@link openOutbox}. */
export interface OutboxOptions {
  /**
   * Which outbox, among those of this origin. What one user left is sent by whoever opens it next: put
   * the user's id into it.
   */
  readonly name: string;
  /** Most requests that are kept. From 1. Default 1,000. Beyond it requests reject with `send-buffer-full`. */
  readonly maxEntries?: number | undefined;
  /** Gets what came of requests of earlier pages. */
  readonly onRestored?: ((outcome: OutboxOutcome) => unknown) | undefined;
  /** @internal Replaces parts of the world in tests. */
  readonly environment?: OutboxEnvironment | undefined;
}

/** What an outbox needs of the runtime. */
export interface OutboxEnvironment {
  readonly indexedDB?: IDBFactory | undefined;
  /** Absent where there is only one page. */
  readonly locks?: Pick<LockManager, 'request'> | undefined;
}

/** The runtime's, as far as it has any. */
function runtimeOutbox(): OutboxEnvironment {
  const { indexedDB, navigator }: Partial<Pick<typeof globalThis, 'indexedDB' | 'navigator'>> =
    globalThis;
  return { indexedDB, locks: (navigator as Partial<Navigator> | undefined)?.locks };
}

/** Waits until no other page has it. Resolves with what lets go of it. */
function lock(locks: Pick<LockManager, 'request'>, name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const hold = () => new Promise<void>(resolve);
    locks
      .request(name, { signal: AbortSignal.timeout(UNLOCK_MS) }, hold)
      .catch((cause: unknown) => {
        reject(clientError('outbox-in-use', { cause, retryable: true }));
      });
  });
}

/**
 * Opens an outbox in IndexedDB: requests that are sent through it survive a reload of the page.
 *
 * ```ts
 * const outbox = await openOutbox({ name: userId });
 * const client = new RealtimeClient<ChatContract>(url, { token, identity: outbox.identity });
 * const durable = outbox.attach(client);
 * await durable.request('chat.send', { room: 'general', text: 'hi' });
 * ```
 *
 * A request takes effect once if its handler is idempotent (`@Idempotent()`): it is repeated under its
 * id for as long as the server remembers that, two minutes. Any other is never sent twice: if the page
 * ended between sending and the answer, it fails with `connection-lost`. What was never sent is sent,
 * however long that takes. One page at a time has an outbox open.
 *
 * @throws RealtimeClientError (rejects) with code `outbox-in-use` when another page has it, retryable;
 * `outbox-failed` when the disk does not obey; `unsupported` where there is no IndexedDB;
 * `invalid-option`.
 */
export async function openOutbox(options: OutboxOptions): Promise<Outbox> {
  const { indexedDB, locks } = { ...runtimeOutbox(), ...options.environment };
  const name = `realtime-outbox:${expectName(options.name)}`;
  const maxEntries = atLeast(1, 'maxEntries', options.maxEntries ?? 1_000);
  if (indexedDB === undefined) throw clientError('unsupported');
  const unlock = locks ? await lock(locks, name) : () => undefined;
  try {
    const store = await OutboxStore.open(indexedDB, name);
    const identity = await store.identity(runtimeEnvironment().randomKey);
    return new Outbox(store, identity, await store.entries(), {
      maxEntries,
      onRestored: options.onRestored ?? (() => undefined),
      unlock,
    });
  } catch (error) {
    unlock();
    throw error;
  }
}
