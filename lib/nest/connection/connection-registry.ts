import { Injectable } from '@nestjs/common';

import type { Connection, RealtimeNode } from '../../core/index.js';
import { RealtimeConnection } from './realtime-connection.js';

/** The one {@link RealtimeConnection} of each connection. */
@Injectable()
export class ConnectionRegistry {
  /** Hooks of gateways that run now. */
  readonly runningHooks = new Set<Promise<void>>();
  readonly #clients = new WeakMap<Connection, RealtimeConnection>();
  #node: RealtimeNode | undefined;

  /** Tells to which node the connections belong. Breaks the circle node, application, registry. */
  bind(node: RealtimeNode): void {
    this.#node = node;
  }

  /** The client object of a connection, made on first use. */
  of(connection: Connection): RealtimeConnection {
    const known = this.#clients.get(connection);
    if (known !== undefined) return known;
    if (this.#node === undefined)
      throw new Error('ConnectionRegistry: expected bind() before of()');
    const client = new RealtimeConnection(connection, this.#node, this.runningHooks);
    this.#clients.set(connection, client);
    return client;
  }
}
