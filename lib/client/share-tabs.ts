import {
  runtimeEnvironment,
  type WebSocketConstructor,
  type WebSocketLike,
} from './environment.js';
import { expectName } from './option-checks.js';
import { TabHubs } from './tab-hubs.js';
import { TabIdentity } from './tab-identity.js';
import type { FromHub, SharedIdentity, TabMessage, ToHub } from './tab-messages.js';
import { TabSocket } from './tab-socket.js';

/**
 * Of what pages tell each other and keep: those of a version with another one, open during a deploy, do not share
 * with them.
 */
const FORMAT = '1';

/** What pages need to find each other. */
export interface TabEnvironment {
  readonly locks?: Pick<LockManager, 'request'> | undefined;
  readonly BroadcastChannel?: (new (name: string) => TabChannel) | undefined;
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** `localStorage`. May throw. */
  readonly storage: () => Pick<Storage, 'getItem' | 'setItem'>;
  readonly random: () => number;
  readonly randomKey: () => string;
  /** Milliseconds since 1970. */
  readonly date: () => number;
  /** Calls back when the page is left, maybe for good. */
  readonly onHide: (callback: () => void) => void;
}

/** What is used of a `BroadcastChannel`. */
export interface TabChannel {
  onmessage: ((event: MessageEvent<TabMessage>) => void) | null;
  postMessage(message: TabMessage): void;
}

/** Options of {@link shareTabs}. */
export interface ShareTabsOptions {
  /**
   * Which connection, among those of this origin. All pages that use the name are one client to the
   * server, with the credentials of one of them: put the user's id into it.
   */
  readonly name: string;
  /** @internal Replaces parts of the world in tests. */
  readonly environment?: Partial<TabEnvironment> | undefined;
}

function runtimeTabs(): TabEnvironment {
  const runtime: Partial<Pick<typeof globalThis, 'BroadcastChannel' | 'navigator'>> = globalThis;
  const { WebSocket, random, randomKey, date, onChange } = runtimeEnvironment();
  return {
    locks: (runtime.navigator as Partial<Navigator> | undefined)?.locks,
    BroadcastChannel: runtime.BroadcastChannel,
    WebSocket,
    storage: () => localStorage,
    random,
    randomKey,
    date,
    onHide: (callback) => {
      onChange((change) => {
        if (change === 'hide') callback();
      });
    },
  };
}

/**
 * Has all pages of an origin that use the name share one connection. Give what it returns to each
 * page's client as its option `WebSocket`:
 *
 * ```ts
 * const client = new RealtimeClient(url, { token, WebSocket: shareTabs({ name: userId }) });
 * ```
 *
 * The page that holds a lock (Web Locks) has the connection and passes frames on (BroadcastChannel).
 * When it is closed, the next page connects, and every client comes back by its positions and repeats
 * its requests by their ids, as after any broken connection: nothing is lost or doubled. When the server
 * goes away all move together, to one next connection, before they leave the one they have. Each client
 * has its own rooms, handlers and states. Who all of them are to the server is kept in `localStorage`, so
 * that an outbox may repeat what an earlier page has sent. Presence shows one connection; the last `update` counts.
 *
 * @returns `undefined` where the runtime has no Web Locks or no BroadcastChannel (they need https, or
 * localhost): then each page has its own connection.
 * @throws RealtimeClientError with code `invalid-option` when the name is none.
 */
export function shareTabs(options: ShareTabsOptions): WebSocketConstructor | undefined {
  // Not in the signature: what is internal is in no declaration.
  const { name, environment } = options;
  const shared = `realtime-tabs-${FORMAT}:${expectName(name)}`;
  const { locks, BroadcastChannel, WebSocket, ...rest } = { ...runtimeTabs(), ...environment };
  if (!locks || !BroadcastChannel || !WebSocket) return undefined;
  const parts = { ...rest, locks, WebSocket, BroadcastChannel };
  let tabs: Tabs | undefined;
  // A constructor that returns an object gives that one.
  return function (this: unknown, url: string): WebSocketLike {
    // Not before: rendering on a server makes clients that never connect.
    tabs ??= new Tabs(shared, parts);
    return tabs.open(url);
  } as unknown as WebSocketConstructor;
}

/** Of a page's name. */
const PAGE_CHARACTERS = 8;

type Required = Omit<TabEnvironment, 'locks' | 'WebSocket' | 'BroadcastChannel'> & {
  readonly locks: Pick<LockManager, 'request'>;
  readonly WebSocket: WebSocketConstructor;
  readonly BroadcastChannel: new (name: string) => TabChannel;
};

/** One page among those that share a connection. */
class Tabs {
  readonly #name: string;
  readonly #environment: Required;
  readonly #identity: TabIdentity;
  readonly #channel: TabChannel;
  readonly #sockets = new Map<string, TabSocket>();
  #hubs: TabHubs | undefined;
  /** What the names of its sockets begin with. */
  readonly #page: string;
  #opened = 0;
  /** Pages that the page notices the death of. */
  readonly #watched = new Set<string>();
  /** Whether the page has, or waits for, the connection. */
  #isCandidate = false;
  /** Resolves when others can tell that the page is there. */
  #isShown = Promise.resolve();
  #resign: (() => void) | undefined;

  constructor(name: string, environment: Required) {
    this.#name = name;
    this.#environment = environment;
    this.#channel = new environment.BroadcastChannel(name);
    this.#identity = new TabIdentity(name, environment);
    this.#page = environment.randomKey().slice(0, PAGE_CHARACTERS);
    this.#channel.onmessage = ({ data }) => {
      this.#receive(data);
    };
    // A page that holds a lock is not kept by the browser; and one that is kept could not pass frames on.
    environment.onHide(() => {
      this.#hubs?.close();
      this.#hubs = undefined;
      this.#isCandidate = false;
      this.#resign?.();
    });
  }

  /** A socket of this page. */
  open(url: string): TabSocket {
    if (!this.#isCandidate) this.#run();
    const name = this.#page + String((this.#opened += 1));
    const socket = new TabSocket(name, url, {
      post: (message) => {
        if (message.kind === 'open') this.#knock(message);
        else this.#toHub(message);
      },
      forget: () => {
        this.#sockets.delete(name);
      },
    });
    this.#sockets.set(name, socket);
    return socket;
  }

  /**
   * Tells of a socket once the page has its lock: who is told asks for that lock, and takes the page for
   * dead when it gets it. Asked for before is not enough: pages are processes, and another one may be faster.
   */
  #knock(message: ToHub): void {
    void this.#isShown.then(() => {
      if (this.#sockets.has(message.from)) this.#toHub(message);
    });
  }

  /** Asks for the connection, which it gets when no page before it is left. */
  #run(): void {
    const isLeft = new Promise<void>((resolve) => {
      this.#resign = resolve;
    });
    this.#isCandidate = true;
    // Held as long as the page is shown: whoever gets it instead knows that it is not.
    this.#isShown = new Promise((resolve) => {
      this.#hold(`${this.#name}:${this.#page}`, () => {
        resolve();
        return isLeft;
      });
    });
    this.#hold(this.#name, () => {
      if (this.#isCandidate) this.#lead();
      return isLeft;
    });
  }

  #lead(): void {
    const { WebSocket, random, randomKey } = this.#environment;
    const host = {
      WebSocket,
      random,
      post: (message: FromHub) => {
        this.#fromHub(message);
      },
      nextIdentity: () => this.#nextIdentity(),
    };
    this.#hubs = new TabHubs(host, randomKey());
    this.#fromHub({ kind: 'leader' });
  }

  #nextIdentity(): SharedIdentity {
    const identity = this.#identity.next();
    this.#fromHub({ kind: 'identity', identity });
    return identity;
  }

  #hold(name: string, callback: () => Promise<void> | void): void {
    // Refused when the page is no longer there: then nothing is to be held.
    this.#environment.locks.request(name, callback).catch(() => undefined);
  }

  #receive(message: TabMessage): void {
    if ('from' in message) {
      this.#hubs?.receive(message);
      if (this.#hubs && message.kind === 'open') this.#meet(message);
    } else this.#take(message);
  }

  #take(message: FromHub): void {
    if (message.kind === 'identity') this.#identity.learn(message.identity);
    else {
      const to = 'to' in message ? message.to : undefined;
      for (const socket of [...this.#sockets.values()]) {
        if (to === undefined || to === socket.name) socket.receive(message);
      }
    }
  }

  /** Tells another page what it needs to take over, and notices when it dies without a word. */
  #meet({ from }: ToHub): void {
    this.#fromHub({ kind: 'identity', identity: this.#identity.current });
    const page = from.slice(0, PAGE_CHARACTERS);
    if (this.#watched.has(page)) return;
    this.#watched.add(page);
    this.#hold(`${this.#name}:${page}`, () => {
      this.#watched.delete(page);
      this.#hubs?.dropPage(page);
    });
  }

  #toHub(message: ToHub): void {
    this.#channel.postMessage(message);
    // As to another page: not while the client is still busy with what it does.
    queueMicrotask(() => this.#hubs?.receive(message));
  }

  #fromHub(message: FromHub): void {
    this.#channel.postMessage(message);
    queueMicrotask(() => {
      this.#take(message);
    });
  }
}
