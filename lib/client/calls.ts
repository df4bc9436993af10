import { byteLength } from './byte-length.js';
import type { AnswerFrame, AnsweringFrame, Call, Caller, EarlierCall, Question } from './call.js';
import type { CallOptions } from './call-options.js';
import { clientError, fromErrorFrame, RealtimeClientError } from './errors.js';
import type { Link } from './link.js';
import type { Settings } from './options.js';

/** Calls that may wait for their answer. */
const MAX_IN_FLIGHT = 1_000;
/** Bytes in the socket that may wait to be sent: 4 MiB, four of the largest frames. */
const MAX_UNSENT_BYTES = 4_194_304;
/** Bytes of calls that may wait for their answer; they are kept to be sent again. 16 MiB. */
const MAX_KEPT_BYTES = 16_777_216;
/** How long a server knows what it did for an id (PROTOCOL.md). Milliseconds. */
const DEDUPE_WINDOW_MS = 120_000;
/** And of how many of a client's latest calls. */
const DEDUPE_CALLS = 1_000;

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
  /** Of all open calls. */
  #bytes = 0;
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
          return clientError('unexpected-stream');
        }
        resolve(frame as Extract<AnswerFrame, { type: T }>);
        return false;
      };
      const { timeoutMs = this.#settings.requestTimeoutMs ?? 10_000 } = options ?? {};
      // What is no number passes no comparison.
      if (!(timeoutMs >= 1)) {
        reject(clientError('invalid-option', {}, 'timeoutMs: expected a number from 1'));
        return;
      }
      this.start(question, { receive, fail: reject }, { ...options, timeoutMs });
    });
  }

  /**
   * Begins a call, without a time limit unless one is given. A question with credit asks for a stream.
   *
   * @param earlier the call was begun before, by a client that this one continues.
   * @returns `undefined` when it has failed already.
   */
  start(
    question: Question,
    caller: Caller,
    options: CallOptions,
    { id = this.#link.nextId(), sent }: Partial<EarlierCall> = {},
  ): Call | undefined {
    const { type } = question;
    let text = '';
    let refusal: RealtimeClientError | undefined;
    try {
      text = this.#settings.json.stringify(Object.assign({ type, id }, question));
    } catch (cause) {
      refusal = clientError('invalid-payload', { cause });
    }
    const bytes = byteLength(text);
    refusal ??= this.#refusal(type, bytes, options);
    if (refusal) {
      caller.fail(refusal);
      return undefined;
    }
    const number = (this.#count += 1);
    const isStream = 'credit' in question;
    const call: Call = {
      id,
      number,
      text,
      bytes,
      caller,
      type,
      isStream,
      sent,
      release: () => undefined,
    };
    this.#limit(call, options);
    this.#open.set(id, call);
    this.#bytes += bytes;
    if (this.#isOpenFor(type)) this.#transmit(call);
    return call;
  }

  /** Gives a call up silently. */
  withdraw(call: Call): void {
    // Everything else is one step of the server's and cannot be cancelled.
    if (this.#settle(call) && call.sent && call.type === 'request') {
      this.#link.send({ type: 'cancel', id: call.id });
    }
  }

  /** Whether streams that were sent run, or (`false`) whether other answers are due. */
  isAwaiting(streams?: boolean): boolean {
    return [...this.#open.values()].some(({ sent, isStream }) => sent && isStream === streams);
  }

  /** Sends what waited, and again what was sent without an answer, unless this server may not take it. */
  connected(): void {
    this.lost();
    for (const call of [...this.#open.values()]) this.#transmit(call);
  }

  /** The connection broke: streams that were sent have ended, everything else waits on. With an error everything ends. */
  lost(error?: RealtimeClientError): void {
    for (const call of [...this.#open.values()]) {
      const hasEnded = error ?? (call.sent && call.isStream);
      if (hasEnded) this.#fail(call, error ?? connectionLost());
    }
  }

  /** Takes an answer. Returns `false` for what answers no open call: something else's answer, or one that came too late. */
  receive(frame: AnsweringFrame): boolean {
    const call = this.#open.get(frame.id ?? '');
    if (!call) return false;
    if (frame.type === 'error') {
      // The server goes away and has done nothing: the next one will.
      if (frame.code === 'unavailable' && this.#waitsForNext(call)) {
        call.sent = undefined;
        return true;
      }
      const isRepeated = frame.code === 'not-idempotent';
      this.#fail(call, isRepeated ? connectionLost() : fromErrorFrame(frame));
      return true;
    }
    const expectsMore = call.caller.receive(frame);
    if (expectsMore === false) this.#settle(call);
    else if (expectsMore !== true) this.#abort(call, expectsMore);
    return true;
  }

  /** Whether a call goes out at once. */
  #isOpenFor(type: Question['type']): boolean {
    return type === 'request' ? this.#link.takesRequests : this.#link.isConnected;
  }

  /** Whether a call that was refused is the next connection's. */
  #waitsForNext({ type }: Call): boolean {
    return type === 'request' ? this.#link.holdRequests() : !this.#link.isConnected;
  }

  /** Why a call cannot even begin. */
  #refusal(
    type: Question['type'],
    bytes: number,
    { signal }: CallOptions,
  ): RealtimeClientError | undefined {
    const { closedBy, bufferedBytes } = this.#link;
    if (closedBy) return closedBy;
    if (signal?.aborted) return cancelled(signal);
    const hasRoom =
      bufferedBytes <= MAX_UNSENT_BYTES &&
      this.#bytes <= MAX_KEPT_BYTES &&
      this.#open.size < MAX_IN_FLIGHT &&
      (this.#isOpenFor(type) || this.#makeRoom(bytes));
    return hasRoom ? undefined : bufferFull();
  }

  /** Whether a call of that size may wait for a connection. */
  #makeRoom(bytes: number): boolean {
    const { maxCalls = 100, maxBytes = 4_194_304, whenFull } = this.#settings.buffer;
    for (;;) {
      const waiting = [...this.#open.values()].filter(({ sent }) => !sent);
      const total = waiting.reduce((sum, call) => sum + call.bytes, bytes);
      // Where the bounds are no numbers nothing waits.
      if (waiting.length < maxCalls && total <= maxBytes) return true;
      const dropped = bytes <= maxBytes && whenFull?.(waiting);
      // A policy that names something else would be asked for ever.
      if (!dropped || !waiting.includes(dropped)) return false;
      this.#fail(dropped, bufferFull());
    }
  }

  #limit(call: Call, { timeoutMs, signal }: CallOptions): void {
    const stopTimer =
      timeoutMs &&
      this.#settings.environment.after(timeoutMs, () => {
        // What was never sent can be sent again without doing anything twice.
        const retryable = !call.sent;
        this.#abort(call, clientError('timeout', { retryable }));
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
    const isTooLarge = call.bytes + text.length - call.text.length > this.#link.maxFrameBytes;
    if (isTooLarge || (sent && !isKnown)) {
      this.#fail(call, sent ? connectionLost() : clientError('payload-too-large'));
    } else {
      call.sent ??= { now, date };
      this.#link.send(text);
    }
  }

  #abort(call: Call, error: RealtimeClientError): void {
    this.withdraw(call);
    call.caller.fail(error);
  }

  #fail(call: Call, error: RealtimeClientError): void {
    this.#settle(call);
    call.caller.fail(error);
  }

  /** Returns `false` if it was settled before. */
  #settle(call: Call): boolean {
    call.release();
    const wasOpen = this.#open.delete(call.id);
    if (wasOpen) this.#bytes -= call.bytes;
    return wasOpen;
  }
}

const cancelled = (signal: AbortSignal | undefined): RealtimeClientError =>
  clientError('cancelled', { cause: signal?.reason });

const connectionLost = (): RealtimeClientError => clientError('connection-lost');

const bufferFull = (): RealtimeClientError => clientError('send-buffer-full', { retryable: true });
