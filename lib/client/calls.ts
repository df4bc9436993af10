import {
  DEFAULT_MAX_FRAME_BYTES,
  encodeClientFrame,
  type CompleteFrame,
  type ErrorFrame,
  type HistoryFrame,
  type HistoryPageFrame,
  type NextFrame,
  type PresenceFrame,
  type PresenceStateFrame,
  type PublishedFrame,
  type PublishFrame,
  type RequestFrame,
  type ResponseFrame,
} from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
import { clientError, fromErrorFrame, RealtimeClientError } from './errors.js';
import { isLonger } from './is-longer.js';
import type { Link } from './link.js';
import type { Settings } from './options.js';

/** Calls that may wait for a connection. */
const MAX_QUEUED = 100;
/** Calls that may wait for their answer. */
const MAX_IN_FLIGHT = 1_000;
/** Characters of calls, or bytes in the socket, that may wait to be sent: 4 MiB, four of the largest frames. */
const MAX_WAITING = 4 * DEFAULT_MAX_FRAME_BYTES;
/** Characters of calls that may wait for their answer; they are kept to be sent again. 16 MiB. */
const MAX_KEPT = 4 * MAX_WAITING;
/** How long a server knows what it did for an id (PROTOCOL.md). Milliseconds. */
const DEDUPE_WINDOW_MS = 120_000;
/** And of how many of a client's latest calls. */
const DEDUPE_CALLS = 1_000;

/** Frames that answer a call. */
export type AnswerFrame =
  | ResponseFrame
  | NextFrame
  | CompleteFrame
  | PublishedFrame
  | PresenceStateFrame
  | HistoryPageFrame;

type WithoutId<F> = F extends unknown ? Omit<F, 'id'> : never;

/** What a call asks; the id is given to it here. */
export type Question = WithoutId<RequestFrame | PublishFrame | PresenceFrame | HistoryFrame>;

/** Who waits for the answer. */
export interface Caller {
  /** Takes a frame. Returns whether more are expected; an error cancels the call. */
  readonly receive: (frame: AnswerFrame) => boolean | RealtimeClientError;
  /** The call failed; nothing follows. */
  readonly fail: (error: RealtimeClientError) => void;
}

/** A call that was begun. */
export interface OpenCall {
  /** Gives it up silently. */
  readonly stop: () => void;
  /** Takes that many more items of its stream, which has not ended. */
  readonly grant: (count: number) => void;
}

/** When a call was sent for the first time, by both clocks: one stands still while a machine sleeps, the other may be set back. */
interface Sending {
  readonly now: number;
  readonly date: number;
}

interface Call {
  readonly id: string;
  /** Which call of the client it is. */
  readonly number: number;
  readonly text: string;
  readonly caller: Caller;
  readonly type: Question['type'];
  /** Its handler cannot go on with it over another connection. */
  readonly isStream: boolean;
  /** Whether, and since when, the server may have seen it, so that its effect is unknown if no answer comes. */
  sent: Sending | undefined;
  /** Lets go of timer and signal. */
  release: () => void;
}

/**
 * Requests, streams, publishes and questions about rooms: from the call to its last answer. While
 * there is no connection they wait, in order and within bounds. Those that were sent on one that
 * broke are sent again on the next, under their ids, so that the server can tell that it knows them;
 * streams fail.
 */
export class Calls {
  // In the order of the calls, which is that of their ids.
  readonly #open = new Map<string, Call>();
  readonly #link: Link;
  readonly #settings: Settings;
  #maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;
  #characters = 0;
  #count = 0;

  constructor(link: Link, settings: Settings) {
    this.#link = link;
    this.#settings = settings;
  }

  /** A call with one answer, of this type. */
  ask<T extends AnswerFrame['type']>(
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

  /** Begins a call, without a time limit unless one is given. A question with credit asks for a stream. */
  start(question: Question, caller: Caller, options: CallOptions): OpenCall {
    const id = this.#link.nextId();
    const { type } = question;
    let text: string;
    try {
      text = encodeClientFrame(Object.assign({ type, id }, question));
      this.#admit(options.signal);
    } catch (cause) {
      const isOurs = cause instanceof RealtimeClientError;
      caller.fail(isOurs ? cause : clientError('invalid-payload', 'Not JSON.', { cause }));
      return { stop: () => undefined, grant: () => undefined };
    }
    const isStream = 'credit' in question;
    const call: Call = {
      id,
      number: (this.#count += 1),
      text,
      caller,
      type,
      isStream,
      sent: undefined,
      release: () => undefined,
    };
    this.#limit(call, options);
    this.#open.set(id, call);
    this.#characters += text.length;
    if (this.#link.isConnected) this.#transmit(call);
    return {
      stop: () => {
        this.#withdraw(call);
      },
      grant: (count) => {
        this.#link.send({ type: 'credit', id, count });
      },
    };
  }

  /** Sends what waited, and again what was sent without an answer, unless this server may not take it. */
  connected(maxFrameBytes: number): void {
    this.#maxFrameBytes = maxFrameBytes;
    for (const call of [...this.#open.values()]) this.#transmit(call);
  }

  /** The connection broke: streams that were sent have ended, everything else waits on. */
  lost(): void {
    for (const call of [...this.#open.values()]) {
      if (call.sent && call.isStream) this.#fail(call, connectionLost());
    }
  }

  /** Fails everything. */
  close(error: RealtimeClientError): void {
    for (const call of [...this.#open.values()]) this.#fail(call, error);
  }

  /** Takes an answer. Returns `false` for answers to calls that are not open: they came too late. */
  receive(frame: AnswerFrame | ErrorFrame): boolean {
    const call = this.#open.get(frame.id ?? '');
    if (call === undefined) return false;
    if (frame.type === 'error') {
      const isRepeated = frame.code === 'not-idempotent';
      this.#fail(call, isRepeated ? connectionLost() : fromErrorFrame(frame));
      return true;
    }
    const expectsMore = call.caller.receive(frame);
    if (expectsMore === false) this.#settle(call);
    else if (expectsMore !== true) this.#abort(call, expectsMore);
    return true;
  }

  /** Throws why a call cannot even begin. */
  #admit(signal: AbortSignal | undefined): void {
    const { closedBy, isConnected, bufferedBytes } = this.#link;
    if (closedBy !== undefined) throw closedBy;
    if (signal?.aborted) throw cancelled(signal);
    let unsent = 0;
    if (!isConnected) for (const call of this.#open.values()) if (!call.sent) unsent += 1;
    if (
      bufferedBytes > MAX_WAITING ||
      this.#characters > (isConnected ? MAX_KEPT : MAX_WAITING) ||
      this.#open.size >= MAX_IN_FLIGHT ||
      unsent >= MAX_QUEUED
    ) {
      throw clientError('send-buffer-full', 'Too many calls wait.', { retryable: true });
    }
  }

  #limit(call: Call, { timeoutMs, signal }: CallOptions): void {
    const stopTimer =
      timeoutMs &&
      this.#settings.environment.after(timeoutMs, () => {
        // What was never sent can be sent again without doing anything twice.
        const retryable = !call.sent;
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
    const { sent, type } = call;
    const { environment } = this.#settings;
    const now = environment.now();
    const date = environment.date();
    // A server that is asked to do it again knows the id only if that was not long ago.
    const isKnown =
      sent &&
      Math.max(now - sent.now, date - sent.date) < DEDUPE_WINDOW_MS &&
      this.#count - call.number < DEDUPE_CALLS;
    const text = sent && type === 'request' ? `${call.text.slice(0, -1)},"retry":true}` : call.text;
    if (isLonger(text, this.#maxFrameBytes)) {
      const message = `Longer than the ${String(this.#maxFrameBytes)} bytes that the server takes.`;
      this.#fail(call, sent ? connectionLost() : clientError('payload-too-large', message));
    } else if (sent && !isKnown) {
      this.#fail(call, connectionLost());
    } else {
      call.sent ??= { now, date };
      this.#link.send(text);
    }
  }

  #abort(call: Call, error: RealtimeClientError): void {
    this.#withdraw(call);
    call.caller.fail(error);
  }

  #withdraw(call: Call): void {
    // Everything else is one step of the server's and cannot be cancelled.
    if (this.#settle(call) && call.sent && call.type === 'request') {
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
    const wasOpen = this.#open.delete(call.id);
    if (wasOpen) this.#characters -= call.text.length;
    return wasOpen;
  }
}

const cancelled = (signal: AbortSignal | undefined): RealtimeClientError =>
  clientError('cancelled', 'The call was cancelled.', { cause: signal?.reason });

const connectionLost = (): RealtimeClientError =>
  clientError('connection-lost', 'The connection broke; the effect is unknown.');
