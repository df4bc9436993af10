/**
 * Requests that outlive the page. Each is written to disk before it is sent, under an id that it keeps,
 * and forgotten with its answer. A page that opens the outbox again is the same client to the server,
 * which tells a repeat by the id.
 *
 * Entries are in `#waiting` until they are handed to the client's calls, which see to broken
 * connections. That an entry may have been sent, and as whose, is written before it is. With `shareTabs`
 * the server knows all pages by one key; an entry that it got under another one is not repeated, because
 * the server would take the repeat for something new.
 */
import type { JsonCodec } from '../protocol/index.js';
import type { Caller } from './call.js';
import type { Contract, RequestName, RequestPayload, RequestResponse } from './contract.js';
import { CORE, type Core } from './core.js';
import { deferred, type Deferred } from './deferred.js';
import { callSafely } from './emitter.js';
import { clientError, type RealtimeClientError } from './errors.js';
import type { ClientIdentity } from './identity.js';
import type { OutboxEntry, OutboxStore } from './outbox-store.js';
import type { RealtimeClient } from './realtime-client.js';
import { Retry } from './retry.js';
import type { SharedConnectedFrame } from './tab-frame.js';

/** Requests that are sent and wait for their answer, or are being written. */
const MAX_IN_FLIGHT = 100;

/** Codes that say that nothing has happened, and that asking again later may help. */
const PASSING: readonly string[] = ['unavailable', 'rate-limited', 'send-buffer-full'];

/** What came of a request of an earlier page, for which no promise waits any more. */
export interface OutboxOutcome {
  readonly event: string;
  readonly payload: unknown;
  /** The answer; absent when there is an error. */
  readonly response?: unknown;
  /** Why it failed for good; absent when it did not. `connection-lost`: the effect is unknown. */
  readonly error?: RealtimeClientError;
}

/** What an outbox needs to know besides its store. */
export interface OutboxSettings {
  readonly maxEntries: number;
  readonly onRestored: (outcome: OutboxOutcome) => unknown;
  /** Lets another page open the outbox. */
  readonly unlock: () => void;
}

/** An entry, and who waits for its answer: nobody, if it is of an earlier page. */
interface Pending {
  entry: OutboxEntry;
  readonly answer: Deferred<unknown> | undefined;
}

/** Sends requests of a client through its outbox. */
export interface DurableRequests<C extends Contract> {
  /**
   * As `client.request`, without a time limit: resolves with the answer, however many connections that
   * takes. If the page ends before, the next page that opens the outbox sends it.
   *
   * @throws RealtimeClientError (rejects) with the server's code, `connection-lost` when it may have
   * taken effect and its handler may not run twice, `invalid-payload`, `send-buffer-full` when too many
   * are kept, `outbox-failed` when the disk does not obey, or the code with which the client closed, `closed`
   * also when the outbox was; then it is kept.
   */
  readonly request: <E extends RequestName<C>>(
    event: E,
    ...args: undefined extends RequestPayload<C, E>
      ? [payload?: RequestPayload<C, E>]
      : [payload: RequestPayload<C, E>]
  ) => Promise<RequestResponse<C, E>>;
}

/** See the head of this file. Made by `openOutbox`. */
export class Outbox {
  /** For the client's option `identity`. */
  readonly identity: ClientIdentity;
  readonly #store: OutboxStore;
  readonly #settings: OutboxSettings;
  /** By id, in order. */
  #waiting: Map<number, Pending>;
  #inFlight = 0;
  #core: Core | undefined;
  #retry: Retry | undefined;
  #isFlushing = false;

  /** @internal */
  constructor(
    store: OutboxStore,
    identity: ClientIdentity,
    entries: readonly OutboxEntry[],
    settings: OutboxSettings,
  ) {
    this.identity = identity;
    this.#store = store;
    this.#settings = settings;
    this.#waiting = new Map(entries.map((entry) => [entry.id, { entry, answer: undefined }]));
  }

  /** How many requests are kept. */
  get size(): number {
    return this.#waiting.size + this.#inFlight;
  }

  /**
   * Sends what is kept over this client, which was made with {@link identity}, and what follows.
   *
   * @throws RealtimeClientError with code `invalid-option` if the client has another identity.
   */
  attach<C extends Contract>(client: RealtimeClient<C>): DurableRequests<C> {
    const core = client[CORE];
    if (core.settings.identity !== this.identity) {
      throw clientError('invalid-option', {}, "identity: expected the outbox's");
    }
    this.#core = core;
    const flush = () => {
      void this.#flush(core);
    };
    this.#retry = new Retry(core.settings, flush);
    core.lifecycle.on('state', flush);
    flush();
    const request = (event: string, payload?: unknown) => this.#request(core, event, payload);
    return { request } as DurableRequests<C>;
  }

  /**
   * Lets another page open it. What is kept stays; who waits for it to be sent is told `closed`. The client
   * is not closed.
   */
  close(): void {
    this.#core = undefined;
    this.#retry?.stop();
    this.#release(clientError('closed'));
    this.#store.close();
    this.#settings.unlock();
  }

  async #request(core: Core, event: string, value: unknown): Promise<unknown> {
    if (this.size >= this.#settings.maxEntries) {
      throw clientError('send-buffer-full', { retryable: true });
    }
    const answer = deferred<unknown>();
    const id = (this.identity.lastId += 1);
    const entry = {
      id,
      event,
      payload: textOf(core.settings.json, value),
      sentAt: undefined,
      sentAs: undefined,
    };
    this.#inFlight += 1;
    try {
      await this.#store.put([entry]);
    } finally {
      this.#inFlight -= 1;
    }
    this.#keep({ entry, answer });
    void this.#flush(core);
    return answer.promise;
  }

  /** Puts an entry where its id belongs. */
  #keep(pending: Pending): void {
    const all = [...this.#waiting.values(), pending];
    all.sort((a, b) => a.entry.id - b.entry.id);
    this.#waiting = new Map(all.map((each) => [each.entry.id, each]));
  }

  /** Nothing is sent any more: nobody is to wait for that. */
  #release(error: RealtimeClientError): void {
    for (const { answer } of this.#waiting.values()) answer?.reject(error);
  }

  /** Hands over what waits, as long as there is a connection. */
  async #flush(core: Core): Promise<void> {
    const { closedBy = clientError('closed') } = core.link;
    const isOver = this.#core === undefined || (this.#core === core && core.link.closedBy);
    if (isOver) this.#release(closedBy);
    if (isOver || this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (this.#core === core && core.link.takesRequests) {
        const batch = [...this.#waiting.values()].slice(
          0,
          Math.max(0, MAX_IN_FLIGHT - this.#inFlight),
        );
        if (batch.length === 0) break;
        const sentAt = core.settings.environment.date();
        const sentAs = this.#keyOf(core);
        await this.#store.put(
          batch.map(({ entry }) =>
            entry.sentAt === undefined ? { ...entry, sentAt, sentAs } : entry,
          ),
        );
        for (const pending of batch) this.#send(core, pending, sentAs);
      }
    } catch (error) {
      core.raise(error as RealtimeClientError);
    } finally {
      this.#isFlushing = false;
    }
  }

  /** The key by which the server knows this client. */
  #keyOf({ session }: Core): string {
    return (session as SharedConnectedFrame | undefined)?.sharedKey ?? this.identity.clientKey;
  }

  #send(core: Core, { entry, answer }: Pending, key: string): void {
    const { id, event, payload, sentAt, sentAs } = entry;
    const { now } = core.settings.environment;
    this.#waiting.delete(id);
    this.#inFlight += 1;
    if (sentAt !== undefined && sentAs !== key) {
      this.#settle(core, { entry, answer }, { error: clientError('connection-lost') });
      return;
    }
    const question = {
      type: 'request',
      event,
      payload: valueOf(core.settings.json, payload),
    } as const;
    const caller = {
      receive: (frame: Parameters<Caller['receive']>[0]) => {
        if (frame.type !== 'response') return clientError('unexpected-stream');
        this.#settle(core, { entry, answer }, { response: frame.payload });
        return false;
      },
      fail: (error: RealtimeClientError) => {
        if (error === core.link.closedBy) this.#leave({ entry, answer }, error);
        else if (PASSING.includes(error.code)) this.#postpone({ entry, answer }, error);
        else this.#settle(core, { entry, answer }, { error });
      },
    };
    core.calls.start(
      question,
      caller,
      {},
      {
        id: String(id),
        sent: sentAt === undefined ? undefined : { now: now(), date: sentAt },
      },
    );
  }

  /** It is sent again later, as if for the first time: nothing has happened. */
  #postpone({ entry, answer }: Pending, error: RealtimeClientError): void {
    this.#inFlight -= 1;
    this.#keep({ entry: { ...entry, sentAt: undefined, sentAs: undefined }, answer });
    this.#retry?.postpone(error.retryAfterMs);
  }

  /** The client is closed: the next one sends it. */
  #leave({ answer }: Pending, error: RealtimeClientError): void {
    this.#inFlight -= 1;
    answer?.reject(error);
  }

  #settle(core: Core, { entry, answer }: Pending, outcome: Partial<OutboxOutcome>): void {
    const { id, event, payload } = entry;
    this.#retry?.succeeded();
    this.#store
      .remove(id)
      .catch((error: unknown) => {
        core.raise(error as RealtimeClientError);
      })
      .finally(() => {
        this.#inFlight -= 1;
        void this.#flush(core);
      });
    if (answer === undefined) {
      const { reportError } = core.settings.environment;
      const restored = { event, payload: valueOf(core.settings.json, payload), ...outcome };
      callSafely(reportError, this.#settings.onRestored, restored);
    } else if (outcome.error) answer.reject(outcome.error);
    else answer.resolve(outcome.response);
  }
}

/** The JSON text, if the value has one: `undefined` has none. */
function textOf(json: JsonCodec, value: unknown): string | undefined {
  try {
    // JSON leaves `undefined` out, whatever the codec's type says.
    return json.stringify(value);
  } catch (cause) {
    throw clientError('invalid-payload', { cause });
  }
}

const valueOf = (json: JsonCodec, text: string | undefined): unknown =>
  text === undefined ? undefined : json.parse(text);
