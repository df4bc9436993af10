import { WebSocket, type RawData } from 'ws';

import { CloseCode } from '../protocol/index.js';

/** Who keeps a list of WebSockets. */
export interface LinkKeeper {
  /** It is being closed because its peer asked for too much. */
  offended(socket: LinkedWebSocket): void;
  /** It was closed, and its peer has to answer. */
  closing(socket: LinkedWebSocket): void;
  /** It has ended. */
  ended(socket: LinkedWebSocket): void;
}

/** What is told of a WebSocket's peer. */
export interface SocketLink {
  /** A message came. */
  received(data: Buffer, isBinary: boolean): void;
  /** A ping or pong came. */
  controlled(): void;
  /** The WebSocket has ended. */
  ended(code: number, reason: string): void;
}

/**
 * A WebSocket that hands what happens to its transport. Listeners would do the same for 350 bytes a
 * connection: what holds them is a dictionary, whatever they are.
 */
export class LinkedWebSocket extends WebSocket {
  keeper: LinkKeeper | undefined;
  link: SocketLink | undefined;

  override close(code?: number, reason?: string): void {
    if (code === CloseCode.TooManyRequests) this.keeper?.offended(this);
    super.close(code, reason);
    this.keeper?.closing(this);
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    switch (event) {
      case 'message':
        this.link?.received(toBuffer(first as RawData), second === true);
        return true;
      case 'ping':
      case 'pong':
        this.link?.controlled();
        return true;
      case 'close':
        this.keeper?.ended(this);
        this.link?.ended(first as number, String(second));
        return true;
      default:
        // Errors as well: protocol violations and resets end in `close`, which tells the core, and
        // without a listener they would end the process (CVE-2022-21676).
        return true;
    }
  }
}

/** `ws` gives Buffers with its default `binaryType`; the other shapes are only there for its types. */
function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
