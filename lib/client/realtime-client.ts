/** The facade: what applications call. Wires link, calls and rooms, and keeps nothing but who we are. */
import type { ConnectedFrame, ServerFrame } from '../protocol/index.js';
import { Calls } from './calls.js';
import { messageInfo, type MessageArguments } from './message-info.js';
import type {
  Contract,
  DirectEvents,
  PayloadArguments,
  RequestName,
  RequestPayload,
  RequestResponse,
  RoomEvents,
  RoomName,
  RoomPublishes,
  StreamItem,
  StreamName,
  StreamPayload,
  UntypedContract,
} from './contract.js';
import type { ClientState, StateChange } from './client-state.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { fromErrorFrame, type RealtimeClientError } from './errors.js';
import { ItemStream } from './item-stream.js';
import { Link } from './link.js';
import { resolveOptions, type RealtimeClientOptions, type Settings } from './options.js';
import type { CallOptions, MessageInfo, Room } from './room.js';
import { Rooms } from './rooms.js';

/** Events of the client's own life, and what their handlers get. */
export interface ClientLifecycle {
  /** One for each transition, in order. */
  state: [change: StateChange];
  /** Something went wrong that no call was told about. Without a handler it goes to `reportError`. */
  error: [error: RealtimeClientError];
}

/** Options of a stream. It has no time limit of its own. */
export interface StreamOptions {
  /** Ends the stream with the error `cancelled`. */
  readonly signal?: AbortSignal | undefined;
}

/** Messages that belong to no room: to this user, or to everyone. */
export interface DirectMessages<Events> {
  /** Listens. Returns the function that removes the handler. Such messages are not recovered after a broken connection. */
  on<K extends keyof Events & string>(
    event: K,
    handler: (payload: Events[K], message: MessageInfo) => unknown,
  ): () => void;
}

/**
 * A connection to a realtime server that comes back by itself, and what goes over it: requests,
 * streams, rooms and direct messages.
 *
 * @typeParam C what the server offers, see {@link Contract}. Without it any name is allowed.
 */
export class RealtimeClient<C extends Contract = UntypedContract> {
  /** Messages that belong to no room. */
  readonly events: DirectMessages<DirectEvents<C>>;
  readonly #settings: Settings;
  readonly #link: Link;
  readonly #calls: Calls;
  readonly #rooms: Rooms;
  readonly #lifecycle: Emitter<ClientLifecycle>;
  readonly #direct: Emitter<Record<string, MessageArguments>>;
  #ready: Deferred<void> | undefined;
  #welcome: ConnectedFrame | undefined;

  /**
   * @param url where the server's realtime endpoint is: `wss://…`.
   * @throws RealtimeClientError with code `invalid-option`.
   */
  constructor(url: string | URL, options: RealtimeClientOptions = {}) {
    this.#settings = resolveOptions(url, options);
    const { reportError } = this.#settings.environment;
    this.#lifecycle = new Emitter(reportError);
    this.#direct = new Emitter(reportError);
    this.events = this.#direct as unknown as DirectMessages<DirectEvents<C>>;
    this.#link = this.#createLink();
    this.#calls = new Calls(this.#link, this.#settings);
    this.#rooms = new Rooms({
      settings: this.#settings,
      link: this.#link,
      calls: this.#calls,
      raise: (error) => {
        this.#raise(error);
      },
    });
    // Not at once, so that handlers added right after the constructor hear of `connecting`.
    if (this.#settings.autoConnect)
      queueMicrotask(() => {
        this.#link.start();
      });
  }

  /** Where the client is. */
  get state(): ClientState {
    return this.#link.state;
  }

  /** The server's name of this connection, no secret. Absent unless connected. */
  get connectionId(): string | undefined {
    return this.#welcome?.connectionId;
  }

  /** Who the server takes this client for. Absent unless connected. */
  get user(): { readonly id: string } | undefined {
    return this.#welcome?.user;
  }

  /**
   * Connects, unless that is under way; while the client waits for its next attempt, at once. Resolves
   * when connected, however many attempts that takes.
   *
   * @throws RealtimeClientError (rejects) when the client closed for good, with the reason's code:
   * `closed`, `unauthorized`, `forbidden`, `invalid-url` or `attempts-exhausted`.
   */
  connect(): Promise<void> {
    const ready = this.#ready ?? deferred();
    const { closedBy, isConnected } = this.#link;
    if (closedBy !== undefined) ready.reject(closedBy);
    else if (isConnected) ready.resolve();
    else this.#ready = ready;
    this.#link.start();
    return ready.promise;
  }

  /**
   * Closes for good: says goodbye to the server (code 1000) and rejects everything that is open with
   * the code `closed`. A closed client cannot connect again.
   */
  close(): void {
    this.#link.close();
  }

  /** Listens to the client's own life. Returns the function that removes the handler. */
  on<K extends keyof ClientLifecycle>(
    event: K,
    handler: (...args: ClientLifecycle[K]) => unknown,
  ): () => void {
    return this.#lifecycle.on(event, handler);
  }

  /**
   * Asks the server's handler for `event` and resolves with its answer. While there is no connection
   * the request waits, in order, with at most 99 others.
   *
   * @throws RealtimeClientError (rejects) with the server's code, or `timeout`, `cancelled`,
   * `connection-lost`, `send-buffer-full`, `payload-too-large`, `invalid-payload`,
   * `unexpected-stream`, or the code with which the client closed.
   */
  async request<E extends RequestName<C>>(
    event: E,
    ...args: PayloadArguments<RequestPayload<C, E>, CallOptions>
  ): Promise<RequestResponse<C, E>> {
    const [payload, options] = args as [unknown?, CallOptions?];
    const frame = await this.#calls.ask({ type: 'request', event, payload }, 'response', options);
    return frame.payload as RequestResponse<C, E>;
  }

  /**
   * Asks a handler that answers with many items. Nothing is sent until a loop begins; each loop is a
   * request of its own, and leaving the loop cancels it. Items come in order. At most 1,000 wait to
   * be read; the next one ends the stream with `stream-overflow`.
   *
   * @throws RealtimeClientError (from the loop) as {@link request}, after the items that came before.
   */
  stream<E extends StreamName<C>>(
    event: E,
    ...args: PayloadArguments<StreamPayload<C, E>, StreamOptions>
  ): AsyncIterable<StreamItem<C, E>> {
    const [payload, options] = args as [unknown?, StreamOptions?];
    return {
      [Symbol.asyncIterator]: () =>
        new ItemStream<StreamItem<C, E>>((caller) =>
          this.#calls.start({ type: 'request', event, payload }, caller, {
            signal: options?.signal,
          }),
        ),
    };
  }

  /**
   * The room with this name; the same object each time. Does not subscribe.
   *
   * @throws RealtimeClientError with code `invalid-room`.
   */
  room<N extends RoomName<C>>(name: N): Room<RoomEvents<C, N>, RoomPublishes<C, N>> {
    return this.#rooms.get(name) as Room<RoomEvents<C, N>, RoomPublishes<C, N>>;
  }

  #createLink(): Link {
    return new Link(this.#settings, {
      hello: () => this.#rooms.hello(),
      connected: (frame) => {
        this.#welcome = frame;
        this.#rooms.each((room) => {
          room.connected();
        });
        this.#calls.connected(frame.limits.frameBytes);
        this.#ready?.resolve();
        this.#ready = undefined;
      },
      received: (frame) => {
        this.#receive(frame);
      },
      lost: () => {
        this.#welcome = undefined;
        this.#calls.lost();
        this.#rooms.each((room) => {
          room.lost();
        });
      },
      closed: (error) => {
        this.#welcome = undefined;
        this.#ready?.reject(error);
        this.#calls.close(error);
        this.#rooms.each((room) => {
          room.close(error);
        });
      },
      changed: (change) => {
        this.#lifecycle.emit('state', change);
      },
      failed: (error) => {
        this.#raise(error);
      },
    });
  }

  #receive(frame: ServerFrame): void {
    switch (frame.type) {
      case 'message':
        if (frame.room === undefined) {
          this.#direct.emit(frame.event, frame.payload, messageInfo(frame));
        } else {
          this.#rooms.receive(frame.room, frame);
        }
        break;
      case 'subscribed':
      case 'unsubscribed':
      case 'gap':
      case 'position':
        this.#rooms.receive(frame.room, frame);
        break;
      case 'response':
      case 'next':
      case 'complete':
      case 'published':
        this.#calls.receive(frame);
        break;
      case 'error':
        if (frame.id === undefined) this.#raise(fromErrorFrame(frame));
        else if (!this.#rooms.refuse(frame)) this.#calls.receive(frame);
        break;
      default:
      // `pong` and `authenticated` have done their work by arriving; the rest is the link's.
    }
  }

  #raise(error: RealtimeClientError): void {
    if (!this.#lifecycle.emit('error', error)) this.#settings.environment.reportError(error);
  }
}
