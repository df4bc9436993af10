import { ErrorCode, type Payload, type RefusalFrame, type ReplyFrame } from '../protocol/index.js';
import type { Outbox } from './outbox.js';
import type { ClientReply, Observer } from './ports/index.js';

/** What came of asking a client. */
export type ClientOutcome = ClientReply['outcome'];

/** A client that was asked. */
export interface OpenQuestion {
  /** What came of it. Never rejects. */
  readonly outcome: Promise<ClientOutcome>;
  /** Waits no longer: the client is told so, the outcome is `silent`. Too late: nothing happens. */
  withdraw(): void;
}

const ENDED: ClientOutcome = { kind: 'silent', ended: true };

/** Characters of a code. Whatever else a client puts there could turn up in a log. */
const CODE = /^[\w.:-]+$/;

/**
 * What the server has asked one client and not been answered yet. Each question has one outcome; what
 * comes after it, or for a question that this connection was not asked, is ignored and counted.
 */
export class ClientRequests {
  readonly #open = new Map<string, (outcome: ClientOutcome) => void>();
  #closed = false;

  /** @param most questions that may wait for their answer at once. */
  constructor(
    private readonly outbox: Outbox,
    private readonly observer: Observer,
    private readonly most: number,
  ) {}

  /** Questions that wait for their answer. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Asks.
   *
   * @param id names the question; never used before.
   * @param message the `request` frame with this id, encoded: perhaps once for many clients.
   */
  ask(id: string, message: string): OpenQuestion {
    if (this.#closed) return settled(ENDED);
    if (this.#open.size >= this.most) {
      const text = `expected at most ${String(this.most)} requests without an answer`;
      return settled({ kind: 'refused', code: ErrorCode.RateLimited, message: text });
    }
    const outcome = new Promise<ClientOutcome>((resolve) => this.#open.set(id, resolve));
    this.outbox.sendEncoded(message, message.length);
    return {
      outcome,
      withdraw: () => {
        if (!this.#settle(id, { kind: 'silent' })) return;
        this.outbox.send({ type: 'cancel', id });
      },
    };
  }

  /** The client has answered. */
  answered(frame: ReplyFrame<Payload> | RefusalFrame): void {
    if (!this.#settle(frame.id, outcomeOf(frame))) this.observer.ignored('answer-to-unknown-id');
  }

  /** The connection has ended: nobody answers any more. */
  close(): void {
    this.#closed = true;
    for (const id of [...this.#open.keys()]) this.#settle(id, ENDED);
  }

  /** False if the question has its outcome, or was never asked. */
  #settle(id: string, outcome: ClientOutcome): boolean {
    const resolve = this.#open.get(id);
    if (resolve === undefined) return false;
    this.#open.delete(id);
    resolve(outcome);
    return true;
  }
}

function outcomeOf(frame: ReplyFrame<Payload> | RefusalFrame): ClientOutcome {
  if (frame.type === 'response') {
    const { payload } = frame;
    return { kind: 'answered', ...(payload === undefined ? {} : { payload: payload.text }) };
  }
  const { code, message } = frame;
  return { kind: 'refused', code: CODE.test(code) ? code : ErrorCode.Rejected, message };
}

function settled(outcome: ClientOutcome): OpenQuestion {
  return { outcome: Promise.resolve(outcome), withdraw: () => undefined };
}
