/** The facade: what applications call. Wires link, calls and rooms, and keeps nothing but who we are. */
import type { ConnectedFrame, ServerFrame } from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
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
  RoomSnapshot,
  ServerRequestName,
  ServerRequestPayload,
  ServerRequestResponse,
  StreamItem,
  StreamName,
  StreamPayload,
  UntypedContract,
} from './contract.js';
import type { ClientLifecycle, DirectMessages, StreamOptions } from './client-api.js';
import type { ClientState } from './client-state.js';
import { deferred, type Deferred } from './deferred.js';
import { Emitter } from './emitter.js';
import { fromErrorFrame, type RealtimeClientError } from './errors.js';
import { DEFAULT_CREDIT, ItemStream } from './item-stream.js';
import { Link } from './link.js';
import { resolveOptions, type RealtimeClientOptions, type Settings } from './options.js';
import type { Room } from './room.js';
import { Rooms } from './rooms.js';
import { ServerRequests, type RequestHandler } from './server-requests.js';

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
  readonly #serverRequests: ServerRequests;
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
    this.#serverRequests = new ServerRequests(this.#link, reportError);
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
   * the request waits, in order, with at most 99 others. If the connection breaks before the answer,
   * the request is sent again on the next, under the same id: a handler that the server knows to be
   * idempotent runs once all the same; for any other the request fails with `connection-lost`, because
   * its effect is unknown. The time limit goes on meanwhile.
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
   * request of its own, and leaving the loop cancels it. Items come in order. The server sends as many
   * as the options' `credit` ahead of the loop, and waits then. A stream does not survive its connection.
   *
   * @throws RealtimeClientError (from the loop) as {@link request}, after the items that came before.
   */
  stream<E extends StreamName<C>>(
    event: E,
    ...args: PayloadArguments<StreamPayload<C, E>, StreamOptions>
  ): AsyncIterable<StreamItem<C, E>> {
    const [payload, { credit = DEFAULT_CREDIT, signal } = {}] = args as [unknown?, StreamOptions?];
    return {
      [Symbol.asyncIterator]: () =>
        new ItemStream<StreamItem<C, E>>(credit, (caller) =>
          this.#calls.start({ type: 'request', event, payload, credit }, caller, { signal }),
        ),
    };
  }

  /**
   * The room with this name; the same object each time. Does not subscribe.
   *
   * @throws RealtimeClientError with code `invalid-room`.
   */
  room<N extends RoomName<C>>(
    name: N,
  ): Room<RoomEvents<C, N>, RoomPublishes<C, N>, RoomSnapshot<C, N>> {
    return this.#rooms.get(name) as unknown as ReturnType<typeof this.room<N>>;
  }

  /**
   * Answers the server's requests for `event` with what the handler returns or resolves with. Returns
   * the function that removes the handler. The signal aborts when the server does not wait any longer
   * or the connection ends; what the handler returns then is dropped. At most 100 run at a time.
   *
   * A handler that throws a {@link RealtimeClientError} refuses with its code; anything else it throws
   * refuses with `rejected` and goes to `reportError`. Messages stay here.
   *
   * Security note: nothing has checked the payload against the contract.
   *
   * @throws RealtimeClientError with code `duplicate-handler` when the event has one.
   */
  handle<E extends ServerRequestName<C>>(
    event: E,
    handler: (
      payload: ServerRequestPayload<C, E>,
      context: { readonly signal: AbortSignal },
    ) => ServerRequestResponse<C, E> | Promise<ServerRequestResponse<C, E>>,
  ): () => void {
    return this.#serverRequests.handle(event, handler as RequestHandler);
  }

  #createLink(): Link {
    return new Link(this.#settings, {
      hello: () => this.#rooms.hello(),
      connected: (frame) => {
        this.#welcome = frame;
        this.#rooms.each((room) => {
          room.connected();
        });
        this.#serverRequests.connected(frame.limits.frameBytes);
        this.#calls.connected(frame.limits.frameBytes);
        this.#ready?.resolve();
        this.#ready = undefined;
      },
      received: (frame) => {
        this.#receive(frame);
      },
      lost: () => {
        this.#welcome = undefined;
        this.#serverRequests.lost();
        this.#calls.lost();
        this.#rooms.each((room) => {
          room.lost();
        });
      },
      closed: (error) => {
        this.#welcome = undefined;
        this.#ready?.reject(error);
        this.#serverRequests.lost();
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
      case 'presence-change':
        this.#rooms.receive(frame.room, frame);
        break;
      case 'presence':
        if (!this.#calls.receive(frame)) this.#rooms.receive(frame.room, frame);
        break;
      case 'request':
        this.#serverRequests.receive(frame);
        break;
      case 'cancel':
        this.#serverRequests.cancel(frame);
        break;
      case 'response':
      case 'next':
      case 'complete':
      case 'published':
      case 'history':
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
