import type { Refusal, WebSocketLike } from './environment.js';
import type { FromHub, ToHub } from './tab-messages.js';

/** Where a page's sockets send. */
export interface TabSocketHost {
  readonly post: (message: ToHub) => void;
  readonly forget: (socket: TabSocket) => void;
}

/** A client's end of the connection that several pages share: to the client it is a WebSocket like any other. */
export class TabSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  /** The connection that it shares, while it is open. */
  #hub: string | undefined;

  constructor(
    readonly name: string,
    private readonly url: string,
    private readonly host: TabSocketHost,
  ) {
    this.#knock();
  }

  send(data: string): void {
    this.host.post({ kind: 'send', from: this.name, data });
  }

  close(code?: number, reason?: string): void {
    this.host.post({ kind: 'close', from: this.name, code, reason });
    this.host.forget(this);
  }

  receive(message: FromHub): void {
    if (message.kind === 'leader') {
      if (this.#hub !== undefined) this.#end(1012, 'another page has the connection');
      else this.#knock();
    } else if (message.kind === 'opened' && this.#hub === undefined) {
      this.#hub = message.hub;
      (this.onopen as (() => void) | null)?.();
    } else if (message.kind === 'refused') {
      this.host.forget(this);
      const event: Refusal = { refusal: new Error(message.cause) };
      (this.onerror as ((event: Refusal) => void) | null)?.(event);
    } else if ('hub' in message && message.hub === this.#hub) {
      if (message.kind === 'closed') this.#end(message.code, message.reason);
      else if (message.kind === 'frame') {
        const { data } = message;
        (this.onmessage as ((event: { data: string }) => void) | null)?.({ data });
      }
    }
  }

  #knock(): void {
    this.host.post({ kind: 'open', from: this.name, url: this.url });
  }

  #end(code: number, reason: string): void {
    this.#hub = undefined;
    this.host.forget(this);
    const event = { code, reason };
    (this.onclose as ((close: typeof event) => void) | null)?.(event);
  }
}
