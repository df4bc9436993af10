import {
  DEFAULT_MAX_FRAME_BYTES,
  encodeClientFrame,
  type CompleteFrame,
  type ErrorFrame,
  type NextFrame,
  type PublishedFrame,
  type PublishFrame,
  type RequestFrame,
  type ResponseFrame,
} from '../protocol/index.js';
import { clientError, fromErrorFrame, RealtimeClientError } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './options.js';
import type { CallOptions } from './room.js';

/** Calls that may wait for a connection. */
const MAX_QUEUED = 100;
/** Calls that may wait for their answer. */
const MAX_IN_FLIGHT = 1_000;
/** Characters of calls, or bytes in the socket, that may wait to be sent: 4 MiB, four of the largest frames. */
const MAX_WAITING = 4 * DEFAULT_MAX_FRAME_BYTES;

/** Frames that answer a call. */
export type AnswerFrame = ResponseFrame | NextFrame | CompleteFrame | PublishedFrame;

/** What a call asks; the id is given to it here. */
export type Question = Omit<RequestFrame, 'id'> | Omit<PublishFrame, 'id'>;

/** Who waits for the answer. */
export interface Caller {
  /** Takes a frame. Returns whether more are expected; an error cancels the call. */
  readonly receive: (frame: AnswerFrame) => boolean | RealtimeClientError;
  /** The call failed; nothing follows. */
  readonly fail: (error: RealtimeClientError) => void;
}

interface Call {
  readonly id: string;
  readonly text: string;
  readonly caller: Caller;
  readonly isRequest: boolean;
  /** Whether the server may have seen it, so that its effect is unknown if no answer comes. */
  isSent: boolean;
  /** Lets go of timer and signal. */
  release: () => void;
}

/** Whether the text takes more bytes in UTF-8, which has 1 to 3 for a UTF-16 unit. */
function isLonger(text: string, maxBytes: number): boolean {
  return text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes;
}

/**
 * Requests, streams and publishes: from the call to its last answer. While there is no connection
 * they wait, in order and within bounds; when one breaks, those that were sent fail.
 */
export class Calls {
  // In order of the calls; while there is no connection, every one in it is unsent.
  readonly #open = new Map<string, Call>();
  readonly #link: Link;
  readonly #settings: Settings;
  #maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;

  constructor(link: Link, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
  }

  /** A call with one answer, of this type. */
  ask<T extends 'response' | 'published'>(
    question: Question,
    answer: T,
    options?: CallOptions,
  ): Promise<Extract<AnswerFrame, { type: T }>> {
    return new Promise((resolve, reject) => {
      const receive: Caller['receive'] = (frame) => {
        if (frame.type !== answer) {
          return clientError('unexpected-stream', 'The handler answers with a stream.');
        }
        resolve(frame as Extract<AnswerFrame, { type: T }>);
        return false;
      };
      const timeoutMs = options?.timeoutMs ?? this.#settings.requestTimeoutMs;
      this.start(question, { receive, fail: reject }, { ...options, timeoutMs });
    });
  }

  /** Begins a call, without a time limit unless one is given. Returns the function that gives it up silently. */
  start(question: Question, caller: Caller, options: CallOptions): () => void {
    const id = this.#link.nextId();
    const isRequest = question.type === 'request';
    let text: string;
    try {
      text = encodeClientFrame(Object.assign({ type: question.type, id }, question));
      this.#admit(options.signal);
    } catch (cause) {
      const isOurs = cause instanceof RealtimeClientError;
      caller.fail(isOurs ? cause : clientError('invalid-payload', 'Not JSON.', { cause }));
      return () => undefined;
    }
    const call: Call = { id, text, caller, isRequest, isSent: false, release: () => undefined };
    this.#limit(call, options);
    this.#open.set(id, call);
    if (this.#link.isConnected) this.#transmit(call);
    return () => {
      this.#withdraw(call);
    };
  }

  /** Sends what waited, unless it is too large for this server. */
  connected(maxFrameBytes: number): void {
    this.#maxFrameBytes = maxFrameBytes;
    for (const call of [...this.#open.values()]) this.#transmit(call);
  }

  /** The connection broke: what was sent fails, what was not waits on. */
  lost(): void {
    const error = clientError('connection-lost', 'The connection broke; the effect is unknown.');
    for (const call of [...this.#open.values()]) if (call.isSent) this.#fail(call, error);
  }

  /** Fails everything. */
  close(error: RealtimeClientError): void {
    for (const call of [...this.#open.values()]) this.#fail(call, error);
  }

  /** Takes an answer. Answers to unknown calls came too late and are ignored. */
  receive(frame: AnswerFrame | ErrorFrame): void {
    const call = this.#open.get(frame.id ?? '');
    if (call === undefined) return;
    if (frame.type === 'error') {
      this.#fail(call, fromErrorFrame(frame));
      return;
    }
    const expectsMore = call.caller.receive(frame);
    if (expectsMore === false) this.#settle(call);
    else if (expectsMore !== true) this.#abort(call, expectsMore);
  }

  /** Throws why a call cannot even begin. */
  #admit(signal: AbortSignal | undefined): void {
    const { closedBy, isConnected, bufferedBytes } = this.#link;
    if (closedBy !== undefined) throw closedBy;
    if (signal?.aborted) throw cancelled(signal);
    let waiting = bufferedBytes;
    if (!isConnected) for (const call of this.#open.values()) waiting += call.text.length;
    if (waiting > MAX_WAITING || this.#open.size >= (isConnected ? MAX_IN_FLIGHT : MAX_QUEUED)) {
      throw clientError('send-buffer-full', 'Too many calls wait.', { retryable: true });
    }
  }

  #limit(call: Call, { timeoutMs, signal }: CallOptions): void {
    const stopTimer =
      timeoutMs &&
      this.#settings.environment.after(timeoutMs, () => {
        // What was never sent can be sent again without doing anything twice.
        const retryable = !call.isSent;
        this.#abort(call, clientError('timeout', 'No answer in time.', { retryable }));
      });
    const onAbort = () => {
      this.#abort(call, cancelled(signal));
    };
    signal?.addEventListener('abort', onAbort);
    call.release = () => {
      if (stopTimer) stopTimer();
      signal?.removeEventListener('abort', onAbort);
    };
  }

  #transmit(call: Call): void {
    if (isLonger(call.text, this.#maxFrameBytes)) {
      const message = `Longer than the ${String(this.#maxFrameBytes)} bytes that the server takes.`;
      this.#fail(call, clientError('payload-too-large', message));
      return;
    }
    call.isSent = true;
    this.#link.send(call.text);
  }

  #abort(call: Call, error: RealtimeClientError): void {
    this.#withdraw(call);
    call.caller.fail(error);
  }

  #withdraw(call: Call): void {
    // A publish is one step of the server's and cannot be cancelled.
    if (this.#settle(call) && call.isSent && call.isRequest) {
      this.#link.send({ type: 'cancel', id: call.id });
    }
  }

  #fail(call: Call, error: RealtimeClientError): void {
    this.#settle(call);
    call.caller.fail(error);
  }

  /** Returns `false` if it was settled before. */
  #settle(call: Call): boolean {
    call.release();
    return this.#open.delete(call.id);
  }
}

const cancelled = (signal: AbortSignal | undefined): RealtimeClientError =>
  clientError('cancelled', 'The call was cancelled.', { cause: signal?.reason });
