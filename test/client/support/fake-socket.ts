import type { ClientFrame, ServerFrame } from '../../../lib/protocol/index.js';
import type { WebSocketLike } from '../../../lib/client/index.js';

/** The client's end of a connection to a server that the test plays. */
export class FakeSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  bufferedAmount = 0;
  readonly sent: ClientFrame[] = [];
  /** What the client closed with, if it did. */
  closedWith:
    { readonly code: number | undefined; readonly reason: string | undefined } | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';

  constructor(
    readonly url: string,
    readonly protocols: readonly string[] = [],
  ) {}

  /** Whether the client still counts on it. */
  get isLive(): boolean {
    return this.#state !== 'closed' && this.closedWith === undefined;
  }

  send(data: string): void {
    if (this.#state === 'connecting') throw new Error('sent while connecting');
    if (this.isLive) this.sent.push(JSON.parse(data) as ClientFrame);
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && (code < 3000 || code > 4999)) {
      throw new Error(`a browser refuses to close with ${String(code)}`);
    }
    if (this.isLive) this.closedWith = { code, reason };
  }

  /** The handshake succeeds. */
  open(): void {
    if (this.#state !== 'connecting' || !this.isLive) return;
    this.#state = 'open';
    (this.onopen as (() => void) | null)?.();
  }

  /** The server sends a frame. */
  receive(frame: ServerFrame): void {
    this.receiveRaw(JSON.stringify(frame));
  }

  /** The server sends anything. */
  receiveRaw(data: unknown): void {
    if (this.#state !== 'open') return;
    (this.onmessage as ((event: { data: unknown }) => void) | null)?.({ data });
  }

  /** The server or the network ends it. */
  drop(code = 1006, reason = ''): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    (this.onerror as (() => void) | null)?.();
    (this.onclose as ((event: { code: number; reason: string }) => void) | null)?.({
      code,
      reason,
    });
  }

  /** The frames of a type that the client sent. */
  frames<T extends ClientFrame['type']>(type: T): Extract<ClientFrame, { type: T }>[] {
    return this.sent.filter(
      (frame): frame is Extract<ClientFrame, { type: T }> => frame.type === type,
    );
  }

  /** The last frame of a type that the client sent. */
  last<T extends ClientFrame['type']>(type: T): Extract<ClientFrame, { type: T }> {
    const frame = this.frames(type).at(-1);
    if (frame === undefined) throw new Error(`no ${type} was sent`);
    return frame;
  }
}
