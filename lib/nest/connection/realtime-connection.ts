import {
  assertCloseCode,
  assertEvent,
  assertRoom,
  payloadText,
  type Connection,
  type Handshake,
  type RealtimeNode,
  type RealtimeUser,
} from '../../core/index.js';
import { CloseCode } from '../../protocol/index.js';

/** A handler of one event, bound to a connection by Nest. */
export type BoundHandler = (payload: unknown, context: unknown) => unknown;

/**
 * One client, as handlers, guards and hooks see it: what `@ConnectedSocket()` injects. It looks like
 * a request where that helps (`ip`, `headers`, `url`, `query`, `user`), so that guards written for
 * HTTP find what they look for.
 *
 * What it carries of the client (`url`, `headers`, `query`) is untrusted; `user` was verified.
 */
export class RealtimeConnection<User extends RealtimeUser = RealtimeUser> {
  /** @internal Handlers by event, bound by Nest. */
  readonly handlers = new Map<string, BoundHandler>();
  /** @internal Whether Nest has bound them. */
  isBound = false;
  #endListeners: readonly ((reason: string) => void)[] = [];
  #endReason: string | undefined;
  #data: Record<string, unknown> | undefined;

  /** @internal */
  constructor(
    private readonly connection: Connection,
    private readonly node: RealtimeNode,
    /** @internal Hooks of the application's gateways that run now, this connection's and others'. */
    readonly runningHooks: Set<Promise<void>>,
  ) {}

  /** The server's name of this connection: random, unique, no secret. */
  get id(): string {
    return this.connection.id;
  }

  /** Who it is, as the token verifier said. */
  get user(): User {
    return this.connection.user as User;
  }

  /** Whether it showed no token; see `auth.allowAnonymous`. */
  get isAnonymous(): boolean {
    return this.connection.session?.isAnonymous === true;
  }

  /** Address of the peer. */
  get ip(): string {
    return this.connection.handshake.ip;
  }

  /** Path and query of the handshake. */
  get url(): string {
    return this.connection.handshake.url;
  }

  /** Headers of the handshake, names in lower case. */
  get headers(): Handshake['headers'] {
    return this.connection.handshake.headers;
  }

  /** Query of the handshake. */
  get query(): URLSearchParams {
    const { url } = this.connection.handshake;
    const start = url.indexOf('?');
    return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
  }

  /** A place for the application's own notes about this connection. Gone with it. */
  get data(): Record<string, unknown> {
    this.#data ??= {};
    return this.#data;
  }

  /** Names of the rooms it is in. */
  get rooms(): string[] {
    return [...this.connection.rooms.keys()];
  }

  /** Whether it can still be sent to. */
  get isConnected(): boolean {
    return this.connection.isLive;
  }

  /**
   * Sends a message to this client alone: `client.events.on(event, …)` in the SDK. Volatile: it is
   * not stored, and lost if the connection is.
   *
   * @throws RealtimeError `invalid-field` if the event is no event name.
   * @throws TypeError if the payload has a cycle or a BigInt.
   */
  emit(event: string, payload?: unknown): void {
    assertEvent(event);
    this.node.sendTo(this.connection, { event, payload: payloadText(payload) });
  }

  /**
   * Puts the connection into a room, whether or not a room class declares it or lets it in. Settles
   * when it is in; from then on it gets every message. Already in: nothing happens.
   *
   * @throws RealtimeError `invalid-field` if the name is no room name.
   */
  async join(room: string): Promise<void> {
    assertRoom(room);
    await this.node.join(this.connection, room);
  }

  /** Takes the connection out of a room. Not in it: nothing happens. */
  leave(room: string): void {
    this.node.leave(this.connection, room);
  }

  /**
   * Ends the connection.
   *
   * @param code 1000 or 4000–4999; its range tells the client what to do, see PROTOCOL.md. Default
   * 4300: do not come back.
   * @param reason for developers; cut to 123 bytes.
   * @throws RealtimeError `invalid-field` for another code.
   */
  close(code: number = CloseCode.Disconnected, reason = 'disconnected by the server'): void {
    assertCloseCode(code);
    this.connection.close(code, reason);
  }

  /** @internal Calls when the connection ends; at once if a connect hook has ended it already. */
  onEnd(listener: (reason: string) => void): void {
    if (this.#endReason === undefined) this.#endListeners = [...this.#endListeners, listener];
    else listener(this.#endReason);
  }

  /** @internal The connection has ended. */
  end(reason: string): void {
    this.#endReason = reason;
    for (const listener of this.#endListeners) listener(reason);
  }

  /** @internal A hook of the application has failed: 1011, the client comes back. */
  fail(): void {
    this.connection.close(CloseCode.InternalError, 'connect hook failed');
  }
}
