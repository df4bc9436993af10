import { HIDDEN } from './own-closes.js';
import { TabHub, type TabHubHost } from './tab-hub.js';
import type { ToHub } from './tab-messages.js';

/**
 * The connections of the page that has them: one, and while servers go away those before it, which
 * serve the clients that have not moved yet. Each has at least one client, and a client shares two at
 * most, so there are never more than twice as many as clients.
 */
export class TabHubs {
  readonly #host: TabHubHost;
  readonly #name: string;
  /** The newest last. */
  #hubs: TabHub[] = [];
  #count = 0;

  /** @param name what the names of its connections begin with: no other page uses it, nor this one again. */
  constructor(host: TabHubHost, name: string) {
    this.#host = host;
    this.#name = name;
  }

  /** Takes what a socket says. */
  receive(message: ToHub): void {
    const own = this.#hubs.find((hub) => hub.has(message.from));
    (own ?? (message.kind === 'open' ? this.#newest() : undefined))?.receive(message);
  }

  /** A page is gone without a word. */
  dropPage(page: string): void {
    for (const hub of this.#hubs) hub.dropPage(page);
  }

  /** Ends all connections: the page is left. */
  close(): void {
    for (const hub of this.#hubs) hub.close(HIDDEN, 'hidden');
  }

  /** The one that takes new sockets. */
  #newest(): TabHub {
    const last = this.#hubs.at(-1);
    if (last && !last.isLeaving) return last;
    const next = new TabHub(this.#host, `${this.#name}-${String((this.#count += 1))}`);
    this.#hubs = [...this.#hubs.filter(({ isShared }) => isShared), next];
    return next;
  }
}
