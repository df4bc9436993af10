import {
  RealtimeClient,
  type RealtimeClientOptions,
  type StateChange,
} from '../../../lib/client/index.js';
import type { EnvironmentChange } from '../../../lib/client/environment.js';
import type { ConnectedFrame, MessageFrame } from '../../../lib/protocol/index.js';
import { FakeClock, settle } from './fake-clock.js';
import { FakeSocket } from './fake-socket.js';

export const connectedFrame: ConnectedFrame = {
  type: 'connected',
  connectionId: 'c-1',
  user: { id: 'ada' },
  heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
  limits: { frameBytes: 1_048_576, rooms: 100 },
};

/** A message of the room `chat/general`, at an offset of an epoch. */
export function message(offset: number, epoch = 'e1'): MessageFrame {
  const id = `m-${epoch}-${String(offset)}`;
  const room = 'chat/general';
  return {
    type: 'message',
    room,
    event: 'chat.message',
    id,
    timestamp: 5,
    epoch,
    offset,
    payload: offset,
  };
}

/** A message of the room that is not stored. */
export const volatileMessage: MessageFrame = {
  type: 'message',
  room: 'chat/general',
  event: 'chat.message',
  id: 'm-volatile',
  timestamp: 5,
  payload: 99,
};

/**
 * A client whose world is the test: sockets, time, chance and the network.
 *
 * How to extend: what a server does belongs into {@link FakeSocket}, what the runtime does here.
 */
export class World {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly changes: StateChange[] = [];
  /** What went to `reportError`. */
  readonly reported: unknown[] = [];
  readonly client: RealtimeClient;
  /** What `random()` gives. */
  random = 0.5;
  /** Who listens to what happens around the client. */
  readonly listeners = new Set<(change: EnvironmentChange) => void>();
  /** What the clock says that goes on while the machine sleeps. */
  date = (): number => 0;

  /** @param environment replaces more of the world. */
  constructor(
    options: RealtimeClientOptions = {},
    environment: RealtimeClientOptions['environment'] = {},
  ) {
    const { sockets } = this;
    class Socket extends FakeSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    }
    this.client = new RealtimeClient('wss://example.test/realtime', {
      environment: {
        WebSocket: Socket,
        now: this.clock.now,
        after: this.clock.after,
        date: () => this.date(),
        random: () => this.random,
        randomKey: () => '0123456789abcdef0123456789abcdef',
        onChange: (callback) => {
          this.listeners.add(callback);
          return () => this.listeners.delete(callback);
        },
        reportError: (error) => this.reported.push(error),
        ...environment,
      },
      ...options,
    });
    this.client.on('state', (change) => {
      this.changes.push(change);
    });
  }

  /** Something happens to the page or the network. */
  happen(change: EnvironmentChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was made');
    return socket;
  }

  /** The states the client went through. */
  get states(): string[] {
    return this.changes.map(({ state }) => state);
  }

  /** The last transition. */
  get lastChange(): StateChange {
    const change = this.changes.at(-1);
    if (change === undefined) throw new Error('no transition was told');
    return change;
  }

  /** Plays a server that lets the present attempt in. */
  async accept(frame: Partial<ConnectedFrame> = {}): Promise<FakeSocket> {
    await settle();
    this.socket.open();
    this.socket.receive({ ...connectedFrame, ...frame });
    await settle();
    return this.socket;
  }

  /** Waits out the delay and lets the next attempt in. */
  async reconnect(): Promise<FakeSocket> {
    this.clock.advance(this.lastChange.delayMs ?? 0);
    return this.accept();
  }
}

/** A world whose client is connected. */
export async function connectedWorld(...args: ConstructorParameters<typeof World>): Promise<World> {
  const world = new World(...args);
  await world.accept();
  return world;
}

/** What a promise came to, as a value: its error if it rejected. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}
