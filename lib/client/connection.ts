/** One socket: from the token to its end. What its frames mean is its owner's business. */
import { closeAction, SUBPROTOCOL, type CloseAction, type HelloFrame } from '../protocol/index.js';
import type { Loss } from './client-state.js';
import type { Refusal, WebSocketConstructor, WebSocketLike } from './environment.js';
import { clientError, type RealtimeClientError } from './errors.js';
import type { Settings } from './options.js';
import { tokenError } from './token.js';

/** What a connection tells its owner, until it is released. */
export interface ConnectionOwner {
  /** The hello, but for the token. */
  readonly hello: (connection: Connection) => HelloFrame;
  readonly received: (connection: Connection, data: unknown) => void;
  /** It ended, and what is to be done then. Nothing follows. */
  readonly ended: (connection: Connection, loss: Loss, action: CloseAction) => void;
  /** There is no token, or the runtime does not even try. Nothing follows. */
  readonly refused: (connection: Connection, error: RealtimeClientError) => void;
}

/** See the head of this file. */
export class Connection {
  /** Whether the hello went out: from now on the server takes this for the client's only connection. */
  saidHello = false;
  #isReleased = false;
  #socket: WebSocketLike | undefined;
  readonly #settings: Settings;
  readonly #owner: ConnectionOwner;

  constructor(settings: Settings, owner: ConnectionOwner) {
    this.#settings = settings;
    this.#owner = owner;
  }

  /** Bytes that were sent and have not left this machine. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** Gets the token and opens the socket. */
  start(): void {
    this.withToken((token) => {
      this.#open(token);
    });
  }

  /** Gets the token, at once if it is fixed, and goes on, unless the connection was released meanwhile. */
  withToken(proceed: (token: string | undefined) => void): void {
    this.#settings.tokens.take(
      () => this.#isReleased,
      proceed,
      (cause) => {
        this.#owner.refused(this, tokenError(cause));
      },
    );
  }

  /** Sends a frame's text. */
  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Closes it and tells nothing any more. A socket that is closed already takes no notice. */
  release(code?: number, reason?: string): void {
    this.#isReleased = true;
    const socket = this.#socket;
    if (!socket) return;
    // `onerror` stays: `ws` throws an error that nobody listens for, such as that of an aborted handshake.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code, reason);
  }

  #open(token: string | undefined): void {
    const { url, environment, json } = this.#settings;
    const { WebSocket } = environment;
    let socket: WebSocketLike;
    try {
      this.#socket = socket = new (WebSocket as WebSocketConstructor)(url, [SUBPROTOCOL]);
    } catch (cause) {
      this.#refused(WebSocket ? 'invalid-url' : 'no-websocket', cause);
      return;
    }
    socket.onopen = () => {
      this.saidHello = true;
      const hello = this.#owner.hello(this);
      // An empty token is none: the server would refuse the field.
      socket.send(json.stringify(token ? { ...hello, token } : hello));
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      this.#owner.received(this, data);
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      const action = closeAction(code);
      if (action === 'refresh') this.#settings.tokens.forget();
      this.#owner.ended(this, { code, reason }, action);
    };
    // What went wrong is not told to pages, and a close always follows; but for a socket of `shareTabs`.
    socket.onerror = (event?: Refusal) => {
      if (event?.refusal) this.#refused('invalid-url', event.refusal);
    };
  }

  /** Trying again is no use: there is no constructor, or the URL is malformed or forbidden (ws: from https:). */
  #refused(code: 'invalid-url' | 'no-websocket', cause: unknown): void {
    this.#owner.refused(this, clientError(code, { cause }));
  }
}
