import type { SharedIdentity } from './tab-messages.js';

/** What a shared identity needs of the world. */
export interface TabIdentityHost {
  /** Where it is kept. May throw, and so may what it gives. */
  readonly storage: () => Pick<Storage, 'getItem' | 'setItem'>;
  readonly randomKey: () => string;
  /** Milliseconds since 1970. */
  readonly date: () => number;
}

/**
 * Who all pages together are to the server, as one of them knows. Pages tell each other; the one that has
 * the connection also keeps it for the time in which none is open, because what a page has sent before it
 * was loaded again can only be repeated under the same key.
 *
 * In `localStorage`, which answers at once: a `hello` does not wait, and what is written while a page is
 * left is there for the next one, neither of which IndexedDB promises. Where there is none, or it is full
 * or forbidden, pages that come after the last one are somebody new.
 */
export class TabIdentity {
  readonly #name: string;
  readonly #host: TabIdentityHost;
  #own: SharedIdentity | undefined;

  /** @param name under which it is kept. */
  constructor(name: string, host: TabIdentityHost) {
    this.#name = name;
    this.#host = host;
  }

  /** As it is now. */
  get current(): SharedIdentity {
    return (this.#own ??= this.#kept() ?? { clientKey: this.#host.randomKey(), attempt: 0 });
  }

  /** Another page, which has the connection, says who all are. */
  learn(identity: SharedIdentity): void {
    this.#own = identity;
  }

  /** For one more connection. */
  next(): SharedIdentity {
    const { clientKey, attempt } = this.current;
    // By the clock, in case that what was kept last has not reached the disk; that may be set back.
    const next = { clientKey, attempt: Math.max(attempt + 1, this.#host.date()) };
    this.#own = next;
    try {
      this.#host.storage().setItem(this.#name, JSON.stringify(next));
    } catch {
      // Full or forbidden: it lasts as long as there are pages.
    }
    return next;
  }

  #kept(): SharedIdentity | undefined {
    try {
      const text = this.#host.storage().getItem(this.#name) ?? '{}';
      const { clientKey, attempt } = JSON.parse(text) as Partial<SharedIdentity>;
      if (/^[\da-f]{32}$/.test(String(clientKey)) && Number.isSafeInteger(attempt)) {
        return { clientKey, attempt } as SharedIdentity;
      }
    } catch {
      // Forbidden, or something else's.
    }
    return undefined;
  }
}
