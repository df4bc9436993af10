import {
  RealtimeClient,
  shareTabs,
  type RealtimeClientOptions,
  type WebSocketConstructor,
} from '../../../lib/client/index.js';
import type { TabChannel } from '../../../lib/client/share-tabs.js';
import type { TabMessage } from '../../../lib/client/tab-messages.js';
import { FakeLocks } from './fake-locks.js';
import { FakeSocket } from './fake-socket.js';

/** A browser with pages that share a connection, and the server's ends of their connections. */
export class Browser {
  readonly sockets: FakeSocket[] = [];
  /** URLs that it makes no socket for. */
  readonly refused = new Set<string>();
  /** What `random()` gives its pages. */
  random = 0.5;
  /** Which pages belong together. */
  name = 'ada';
  /** What the clock says. */
  date = 1_000;
  /** Its `localStorage`; absent: forbidden. */
  storage: Map<string, string> | undefined = new Map<string, string>();
  readonly #locks = new FakeLocks();
  readonly #channels = new Set<TabChannel>();
  #keys = 0;

  /** Makes a connection that its page shares with none. */
  readonly Socket = this.#socketOf([]);

  /** The newest connection to the server. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was made');
    return socket;
  }

  /** Opens a page. Its connections are the test's, unless it has a constructor of its own. */
  open(
    options: RealtimeClientOptions = {},
    target = 'wss://example.test/realtime',
    OwnSocket?: WebSocketConstructor,
  ): Page {
    const channels = this.#channels;
    const mine: TabChannel[] = [];
    const connections: FakeSocket[] = [];
    class Channel implements TabChannel {
      onmessage: TabChannel['onmessage'] = null;

      constructor() {
        channels.add(this);
        mine.push(this);
      }

      postMessage(message: TabMessage): void {
        const data = structuredClone(message);
        for (const channel of channels) {
          if (channel === this) continue;
          queueMicrotask(() => channel.onmessage?.({ data } as MessageEvent<TabMessage>));
        }
      }
    }
    const Socket = this.#socketOf(connections);
    const death: (() => void)[] = [];
    // The locks of a page that dies are free.
    const request = ((name: string, callback: () => unknown) => {
      const dies = new Promise<void>((resolve) => death.push(resolve));
      return this.#locks.request(name, () => Promise.race([callback(), dies]) as Promise<void>);
    }) as LockManager['request'];
    const hide: (() => void)[] = [];
    const WebSocket = shareTabs({
      name: this.name,
      environment: {
        locks: { request },
        BroadcastChannel: Channel,
        WebSocket: OwnSocket ?? Socket,
        random: () => this.random,
        date: () => this.date,
        storage: () => {
          const { storage } = this;
          if (storage === undefined) throw new Error('SecurityError');
          return {
            getItem: (key) => storage.get(key) ?? null,
            setItem: (key, value) => storage.set(key, value),
          };
        },
        randomKey: () =>
          String((this.#keys += 1))
            .padStart(32, '0')
            .split('')
            .reverse()
            .join(''),
        onHide: (callback) => hide.push(callback),
      },
    });
    const client = new RealtimeClient(target, {
      WebSocket,
      reconnect: { minDelayMs: 1, maxDelayMs: 1 },
      ...options,
    });
    client.on('error', () => undefined);
    const die = () => {
      for (const channel of mine) channels.delete(channel);
      for (const socket of connections) {
        socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
        socket.drop();
      }
      for (const end of death) end();
    };
    return { client, hide: () => hide.forEach((each) => each()), die };
  }

  /** A constructor of connections, which are noted. */
  #socketOf(connections: FakeSocket[]): WebSocketConstructor {
    const { sockets, refused } = this;
    return class extends FakeSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        if (refused.has(url)) throw new SyntaxError('bad URL');
        sockets.push(this);
        connections.push(this);
      }
    };
  }
}

/** A page of {@link Browser}. */
export interface Page {
  readonly client: RealtimeClient;
  /** It is left, maybe for good. */
  readonly hide: () => void;
  /** Its process ends without a word. */
  readonly die: () => void;
}
