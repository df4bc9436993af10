import { WebSocket, type ClientOptions } from 'ws';

import { SUBPROTOCOL, type ClientFrame, type ServerFrame } from '../protocol/index.js';

/** How a {@link RawClient} connects. */
export interface RawClientOptions {
  /** Subprotocols to offer. Default: this package's. An empty list: a plain connection. */
  readonly protocols?: readonly string[];
  /** More for the handshake, such as headers. */
  readonly socket?: ClientOptions;
}

/** How a connection ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** One type of server frame. */
export type FrameOf<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;

/**
 * A client for tests that speaks frames: what you send goes out as it is, what comes is kept from the
 * first byte on, so that a late `next()` misses nothing. No reconnecting, no cleverness.
 */
export class RawClient {
  readonly #frames: ServerFrame[] = [];
  readonly #waiting: {
    matches: (frame: ServerFrame) => boolean;
    resolve: (frame: ServerFrame) => void;
    reject: (error: Error) => void;
  }[] = [];
  /** Settles when the connection has ended, with how. */
  readonly closed: Promise<Closed>;

  private constructor(
    /** The socket itself, for what frames cannot say. */
    readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => {
      // The server speaks JSON text; anything else fails here, loudly, as a test should.
      this.#receive(JSON.parse((data as Buffer).toString('utf8')) as ServerFrame);
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString('utf8') });
        const error = new Error(
          `connection closed with ${String(code)} ${reason.toString('utf8')}`,
        );
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      });
    });
  }

  /**
   * Connects and resolves when the WebSocket is open. Nothing is sent yet.
   *
   * @throws Error when the handshake is refused, with its HTTP status.
   */
  static async open(url: string, options: RawClientOptions = {}): Promise<RawClient> {
    const socket = new WebSocket(url, [...(options.protocols ?? [SUBPROTOCOL])], options.socket);
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** Connects, says `hello` with the token, and resolves when `connected` has come. */
  static async connect(
    url: string,
    token?: string,
    options: RawClientOptions = {},
  ): Promise<RawClient> {
    const client = await RawClient.open(url, options);
    client.send(token === undefined ? { type: 'hello' } : { type: 'hello', token });
    await client.next('connected');
    return client;
  }

  /** Frames that came and that no `next()` has taken. */
  get unread(): readonly ServerFrame[] {
    return this.#frames;
  }

  /** Sends a frame. */
  send(frame: ClientFrame): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Sends text as it is, frame or not. */
  sendText(text: string): void {
    this.socket.send(text);
  }

  /**
   * The next frame of this type that no other call has taken, come or still to come. Frames of other
   * types stay for later calls.
   *
   * @throws Error when the connection ends first.
   */
  next<T extends ServerFrame['type']>(type: T): Promise<FrameOf<T>> {
    return this.#take((frame) => frame.type === type) as Promise<FrameOf<T>>;
  }

  /** The next frame of whatever type. */
  nextFrame(): Promise<ServerFrame> {
    return this.#take(() => true);
  }

  /** The final answer of a request, a subscribe or a publish. */
  answer(id: string): Promise<ServerFrame> {
    return this.#take((frame) => 'id' in frame && frame.id === id && frame.type !== 'next');
  }

  /** Sends a request and resolves to its final answer. */
  request(id: string, event: string, payload?: unknown): Promise<ServerFrame> {
    this.send({ type: 'request', id, event, payload });
    return this.answer(id);
  }

  /** Says goodbye and resolves when the connection has ended. */
  async close(code = 1000): Promise<Closed> {
    this.socket.close(code);
    return this.closed;
  }

  #receive(frame: ServerFrame): void {
    const index = this.#waiting.findIndex(({ matches }) => matches(frame));
    if (index < 0) this.#frames.push(frame);
    else this.#waiting.splice(index, 1)[0]?.resolve(frame);
  }

  #take(matches: (frame: ServerFrame) => boolean): Promise<ServerFrame> {
    const index = this.#frames.findIndex(matches);
    const [frame] = index < 0 ? [] : this.#frames.splice(index, 1);
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve, reject) => {
      if (this.socket.readyState >= WebSocket.CLOSING) {
        reject(new Error('connection is closed'));
        return;
      }
      this.#waiting.push({ matches, resolve, reject });
    });
  }
}
