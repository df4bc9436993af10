/** A client of a dialogue: sends what it is told to, and expects exactly what it is told to expect. */
import type { IncomingMessage } from 'node:http';

import { WebSocket } from 'ws';

import {
  match,
  type Bindings,
  type ConnectStep,
  type FrameStep,
  type RefusedStep,
} from './vectors.js';

/** Milliseconds after which something that does not come is not waited for any longer. */
const PATIENCE_MS = 3_000;

/** The promise's value, or a failure that names what was waited for. */
async function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`expected ${what}, nothing came`));
    }, PATIENCE_MS);
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** What came of a connection, in order; `close` is the last. */
type Arrival =
  | { readonly frame: Record<string, unknown> }
  | { readonly close: { readonly code: number; readonly reason: string } };

/** One connection to the server under test. */
export class ServerPeer {
  readonly #arrivals: Arrival[] = [];
  #waiting: ((arrival: Arrival) => void) | undefined;
  readonly #opened: Promise<void>;
  readonly #refused: Promise<{ response: IncomingMessage; body: string }>;
  readonly #socket: WebSocket;
  #hasEnded = false;
  /** The server's name of the connection, once it was told. */
  connectionId: string | undefined;

  /** @param origin where the server listens. */
  constructor(origin: string, { connect }: ConnectStep) {
    const { offers, token, cookie, origin: page, path = '/realtime' } = connect;
    const socket = new WebSocket(`${origin}${path}`, [...offers], {
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(cookie === undefined ? {} : { cookie: `other=1; token=${cookie}` }),
        ...(page === undefined ? {} : { origin: page }),
      },
    });
    this.#socket = socket;
    this.#opened = new Promise((resolve) => socket.once('open', resolve));
    this.#refused = new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => {
        void bodyOf(response).then((body) => {
          resolve({ response, body });
        });
      });
    });
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString('utf8')) as Record<string, unknown>;
      if (frame['type'] === 'connected') this.connectionId = frame['connectionId'] as string;
      this.#arrive({ frame });
    });
    socket.once('close', (code, reason) => {
      this.#hasEnded = true;
      this.#arrive({ close: { code, reason: reason.toString('utf8') } });
    });
  }

  /** Whether the connection has ended, and everything that came was expected. */
  get isSpent(): boolean {
    return this.#hasEnded && this.#arrivals.length === 0;
  }

  /** Expects the upgrade, and which subprotocol was echoed. */
  async opened(protocol: string | undefined): Promise<void> {
    await inTime(this.#opened, 'an upgrade');
    expectSame(this.#socket.protocol, protocol ?? '', 'the echoed subprotocol');
  }

  /** Expects an HTTP answer instead of the upgrade. */
  async refused({ refused }: RefusedStep, bindings: Bindings): Promise<void> {
    const { response, body } = await inTime(this.#refused, `HTTP ${String(refused.status)}`);
    const { statusCode, headers } = response;
    const names = Object.keys(refused.headers ?? {});
    const actual = {
      status: statusCode,
      contentType: headers['content-type'],
      headers: Object.fromEntries(names.map((name) => [name, headers[name]])),
      body: JSON.parse(body) as unknown,
    };
    const expected = {
      status: refused.status,
      contentType: 'application/json; charset=utf-8',
      headers: refused.headers ?? {},
      body: { statusCode: refused.status, code: refused.code, message: '$any-string' },
    };
    expectSame(match(actual, expected, bindings), undefined, 'the HTTP answer');
    this.#hasEnded = true;
  }

  /** Sends text, or bytes as a binary message. */
  send(message: string | Uint8Array): void {
    this.#socket.send(message);
  }

  /** Expects these frames next, and no others; their order among each other does not matter. */
  async frames(steps: readonly FrameStep[], bindings: Bindings): Promise<void> {
    const missing = [...steps];
    while (missing.length > 0) {
      const wanted = missing.map(({ frame }) => JSON.stringify(frame)).join(' or ');
      const arrival = await this.#next(wanted);
      if (!('frame' in arrival))
        throw new Error(`expected ${wanted}, got ${JSON.stringify(arrival)}`);
      const differences: string[] = [];
      const found = missing.findIndex(({ frame }) => {
        const difference = match(arrival.frame, frame, bindings);
        if (difference !== undefined) differences.push(difference);
        return difference === undefined;
      });
      if (found < 0) {
        throw new Error(
          `${differences.join(', ')}: ${JSON.stringify(arrival.frame)}, not ${wanted}`,
        );
      }
      missing.splice(found, 1);
    }
  }

  /** Expects the server to close. */
  async closed(code: number, reason: string | undefined): Promise<void> {
    const arrival = await this.#next(`a close with ${String(code)}`);
    const expected = { close: { code, reason: reason ?? '$any' } };
    expectSame(match(arrival, expected, new Map()), undefined, 'the close');
  }

  /** Says goodbye, and expects nothing but the same in return. */
  async close(code: number): Promise<void> {
    this.#socket.close(code);
    await this.closed(code, undefined);
  }

  /** Settles when the server has read everything that was sent. */
  async flush(): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const answered = new Promise((resolve) => this.#socket.once('pong', resolve));
    this.#socket.ping();
    await inTime(answered, 'a pong');
  }

  /** Breaks the link. */
  async cut(): Promise<void> {
    this.#socket.terminate();
    await this.closed(1006, undefined);
  }

  /** Lets go of the socket, whatever its state. */
  abandon(): void {
    this.#socket.terminate();
  }

  #arrive(arrival: Arrival): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#arrivals.push(arrival);
    else waiting(arrival);
  }

  #next(what: string): Promise<Arrival> {
    const arrival = this.#arrivals.shift();
    if (arrival !== undefined) return Promise.resolve(arrival);
    return inTime(new Promise((resolve) => (this.#waiting = resolve)), what);
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return body;
}

function expectSame(actual: string | undefined, expected: string | undefined, what: string): void {
  if (actual !== expected) {
    throw new Error(
      `${what}: ${String(actual)}${expected === undefined ? '' : `, expected ${expected}`}`,
    );
  }
}
