import type { ServerCancelFrame, ServerRequestFrame } from '../protocol/index.js';
import { byteLength } from './byte-length.js';
import type { RequestTaker } from './core.js';
import { clientError, RealtimeClientError } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './options.js';

/** Requests of the server that may run at the same time. */
const MAX_RUNNING = 100;

/** Answers requests of the server. */
export type RequestHandler = (
  payload: unknown,
  context: { readonly signal: AbortSignal },
) => unknown;

/**
 * What the server asks the client. Each request is answered once, on the connection it came by, or
 * not at all: when the server cancels it or the connection ends, its signal aborts and what the
 * handler still returns is dropped.
 */
export class ServerRequests implements RequestTaker {
  // Maps: names and ids come from the wire.
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #running = new Map<string, AbortController>();
  readonly #link: Link;
  readonly #settings: Settings;

  constructor(link: Link, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
  }

  /** @throws RealtimeClientError with code `duplicate-handler`. */
  handle(event: string, handler: RequestHandler): () => void {
    if (this.#handlers.has(event)) {
      throw clientError('duplicate-handler');
    }
    // A function of our own, so that the same one may be registered again.
    const registered: RequestHandler = (...args) => handler(...args);
    this.#handlers.set(event, registered);
    return () => {
      if (this.#handlers.get(event) === registered) this.#handlers.delete(event);
    };
  }

  /** The connection is gone: nobody waits for answers. */
  lost(): void {
    for (const id of [...this.#running.keys()]) this.#cancel(id);
  }

  receive(frame: ServerRequestFrame | ServerCancelFrame): void {
    if (frame.type === 'request') this.#run(frame);
    else this.#cancel(frame.id);
  }

  #cancel(id: string): void {
    const controller = this.#running.get(id);
    this.#running.delete(id);
    controller?.abort(clientError('cancelled'));
  }

  #run({ id, event, payload }: ServerRequestFrame): void {
    const handler = this.#handlers.get(event);
    if (handler === undefined) {
      this.#refuse(id, 'unknown-event');
    } else if (this.#running.size >= MAX_RUNNING) {
      this.#refuse(id, 'unavailable');
    } else if (!this.#running.has(id)) {
      const controller = new AbortController();
      this.#running.set(id, controller);
      const isOpen = () => this.#running.get(id) === controller;
      // Called inside the promise, so that a handler that throws is one that rejects.
      void new Promise((resolve) => {
        resolve(handler(payload, controller));
      }).then(
        (value) => {
          if (isOpen()) this.#answer(id, value);
        },
        (error: unknown) => {
          if (isOpen()) this.#fail(id, error);
        },
      );
    }
  }

  #answer(id: string, payload: unknown): void {
    this.#running.delete(id);
    try {
      const text = this.#settings.json.stringify({ type: 'response', id, payload });
      if (byteLength(text) > this.#link.maxFrameBytes) throw new RangeError('too large');
      this.#link.send(text);
    } catch (error) {
      this.#refuse(id, 'invalid-payload');
      this.#settings.environment.reportError(error);
    }
  }

  #fail(id: string, error: unknown): void {
    this.#running.delete(id);
    const isAnswer = error instanceof RealtimeClientError;
    this.#refuse(id, isAnswer ? error.code : 'rejected');
    if (!isAnswer) this.#settings.environment.reportError(error);
  }

  /** The message is constant: what went wrong in here is nobody's business out there. */
  #refuse(id: string, code: string): void {
    this.#link.send({ type: 'error', id, code, message: 'The client refused the request.' });
  }
}
