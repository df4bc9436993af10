import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** A reason not to upgrade, as an HTTP answer. */
export interface HttpRefusal {
  readonly status: number;
  /** Stable code for programs. */
  readonly code: string;
  /** For developers, in English. */
  readonly message: string;
  /** Seconds for `Retry-After`; absent: no such header. */
  readonly retryAfterSeconds?: number;
}

/** Answers an upgrade request with an HTTP error and ends its socket. */
export function refuseUpgrade(socket: Duplex, refusal: HttpRefusal): void {
  const { status, code, message, retryAfterSeconds } = refusal;
  const body = JSON.stringify({ statusCode: status, code, message });
  const head = [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    ...(retryAfterSeconds === undefined ? [] : [`Retry-After: ${String(retryAfterSeconds)}`]),
  ];
  // Destroyed once the answer is out: a peer that keeps its half open holds nothing of ours.
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => {
    socket.destroy();
  });
}
