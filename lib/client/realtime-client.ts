/** The facade: what applications call. */
import type { CallOptions } from './call-options.js';
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
  UntypedContract,
} from './contract.js';
import type { ClientLifecycle, DirectMessages } from './client-api.js';
import type { ClientState } from './client-state.js';
import { Core, CORE } from './core.js';
import { resolveOptions, type RealtimeClientOptions } from './options.js';
import type { Room } from './room.js';

/**
 * A connection to a realtime server that comes back by itself, and what goes over it: requests,
 * rooms and direct messages; and, where `stream` and `handle` are imported, streams and requests of
 * the server.
 *
 * @typeParam C what the server offers, see {@link Contract}. Without it any name is allowed.
 */
export class RealtimeClient<C extends Contract = UntypedContract> {
  /** @internal For features that are imported apart. */
  readonly [CORE]: Core;

  /**
   * @param url where the server's realtime endpoint is: `wss://…`.
   * @param options taken as they are; `checkOptions` finds those of the wrong kind or out of their range.
   */
  constructor(url: string | URL, options: RealtimeClientOptions = {}) {
    const settings = resolveOptions(url, options);
    const core = new Core(settings);
    this[CORE] = core;
    // Not at once, so that handlers added right after the constructor hear of `connecting`.
    if (settings.autoConnect ?? true)
      queueMicrotask(() => {
        core.link.start();
      });
  }

  /** Messages that belong to no room. */
  get events(): DirectMessages<DirectEvents<C>> {
    return this[CORE].direct as unknown as DirectMessages<DirectEvents<C>>;
  }

  /** Where the client is. */
  get state(): ClientState {
    return this[CORE].link.state;
  }

  /** The server's name of this connection, no secret. Absent unless connected. */
  get connectionId(): string | undefined {
    return this[CORE].session?.connectionId;
  }

  /** Who the server takes this client for. Absent unless connected. */
  get user(): { readonly id: string } | undefined {
    return this[CORE].session?.user;
  }

  /** Whether the server has said that what comes from elsewhere is late; see the event `delayed`. */
  get isDelayed(): boolean {
    return this[CORE].isDelayed;
  }

  /**
   * Connects, unless that is under way; while the client waits for its next attempt, at once. Resolves
   * when connected, however many attempts that takes.
   *
   * @throws RealtimeClientError (rejects) when the client closed for good, with the reason's code:
   * `closed`, `unauthorized`, `forbidden`, `invalid-url`, `no-websocket` or `attempts-exhausted`.
   */
  connect(): Promise<void> {
    return this[CORE].connect();
  }

  /**
   * Closes for good: says goodbye to the server (code 1000) and rejects everything that is open with
   * the code `closed`. A closed client cannot connect again.
   */
  close(): void {
    this[CORE].link.close();
  }

  /** Listens to the client's own life. Returns the function that removes the handler. */
  on<K extends keyof ClientLifecycle>(
    event: K,
    handler: (...args: ClientLifecycle[K]) => unknown,
  ): () => void {
    return this[CORE].lifecycle.on(event, handler);
  }

  /**
   * Asks the server's handler for `event` and resolves with its answer. While there is no connection
   * the request waits, in order, within the bounds of `buffer`. If the connection breaks before the answer,
   * the request is sent again on the next, under the same id: a handler that the server knows to be
   * idempotent runs once all the same; for any other the request fails with `connection-lost`, because
   * its effect is unknown. The time limit goes on meanwhile.
   *
   * @throws RealtimeClientError (rejects) with the server's code, or `timeout`, `cancelled`,
   * `connection-lost`, `send-buffer-full`, `payload-too-large`, `invalid-payload`,
   * `unexpected-stream`, `invalid-option`, or the code with which the client closed.
   */
  async request<E extends RequestName<C>>(
    event: E,
    ...args: PayloadArguments<RequestPayload<C, E>, CallOptions>
  ): Promise<RequestResponse<C, E>> {
    const [payload, options] = args as [unknown?, CallOptions?];
    const frame = await this[CORE].calls.ask(
      { type: 'request', event, payload },
      'response',
      options,
    );
    return frame.payload as RequestResponse<C, E>;
  }

  /**
   * The room with this name; the same object each time. Does not subscribe.
   *
   * @throws RealtimeClientError with code `invalid-room`.
   */
  room<N extends RoomName<C>>(
    name: N,
  ): Room<RoomEvents<C, N>, RoomPublishes<C, N>, RoomSnapshot<C, N>> {
    return this[CORE].room(name);
  }
}
