import { encodeServerFrame, ErrorCode } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { RealtimeError } from './errors.js';
import type { Hub } from './hub.js';
import type {
  Broker,
  ClientReply,
  Clock,
  NodeQuestion,
  Observer,
  Random,
  RequestTarget,
} from './ports/index.js';
import type { Rooms } from './rooms.js';

/** A question to clients, as it goes to other nodes. */
export type RequestQuestion = Extract<NodeQuestion, { kind: 'request' }>;

/** What is asked of clients, and how long their answers are waited for. */
export interface ClientQuestion {
  readonly event: string;
  /** JSON text; absent: no payload. */
  readonly payload: string | undefined;
  /** Milliseconds; at least 1. */
  readonly timeoutMs: number;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link ClientQuestions} need. */
export interface ClientQuestionsSetup {
  readonly hub: Hub;
  readonly rooms: Rooms;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
}

/** Longest part of a time that is kept for the way between nodes, in milliseconds. */
const MAX_WAY_MS = 1_000;

/**
 * Asks clients, wherever they are connected. The own ones are asked directly, the others by their
 * nodes; those wait a tenth less (a second at most), so that their answers are here in time.
 */
export class ClientQuestions {
  #name: string | undefined;

  constructor(private readonly setup: ClientQuestionsSetup) {}

  /**
   * Asks every connection of the target. Resolves after `timeoutMs` at the latest, with one entry for
   * each connection that was asked; what a silent node's connections are is not known then.
   *
   * @throws RealtimeError `cancelled` when the signal aborts, `unavailable` without broker.
   */
  async ask(target: RequestTarget, question: ClientQuestion): Promise<ClientReply[]> {
    const { signal } = question;
    const own = this.#find(target);
    const isHere = 'connectionId' in target && own.length > 0;
    return unlessAborted(signal, async () => {
      const replies = await Promise.all([
        this.#askOwn(own, question),
        isHere ? [] : this.#askOthers(target, question),
      ]);
      return replies.flat();
    });
  }

  /** Answers another node. */
  async answer(question: RequestQuestion): Promise<readonly ClientReply[]> {
    if (question.asker !== undefined && question.asker === this.#name) return [];
    const { target, event, payload, timeoutMs } = question;
    return this.#askOwn(this.#find(target), { event, payload, timeoutMs });
  }

  #find(target: RequestTarget): Connection[] {
    const { hub, rooms } = this.setup;
    const found = (connection: Connection | undefined): Connection[] =>
      connection?.isLive === true && connection.wasOpen ? [connection] : [];
    if ('connectionId' in target) return found(hub.get(target.connectionId));
    if ('userId' in target) return [...hub.ofUser(target.userId)].flatMap(found);
    const room = rooms.get(target.room);
    const members = [...(room?.members ?? []), ...(room?.replays.keys() ?? [])];
    return members.flatMap(({ id }) => found(hub.get(id)));
  }

  /** One timer and one encoded frame, however many are asked. */
  async #askOwn(
    connections: readonly Connection[],
    { event, payload, timeoutMs, signal }: ClientQuestion,
  ): Promise<ClientReply[]> {
    if (connections.length === 0) return [];
    const id = this.setup.random.id();
    const frame = { type: 'request', id, event } as const;
    const message = encodeServerFrame(
      payload === undefined ? frame : { ...frame, payload: { text: payload } },
    );
    const asked = connections.map((connection) => ({
      connectionId: connection.id,
      userId: connection.user?.id ?? '',
      question: connection.clientRequests.ask(id, message),
    }));
    const withdraw = (): void => {
      for (const { question } of asked) question.withdraw();
    };
    const cancel = this.setup.clock.after(timeoutMs, withdraw);
    signal?.addEventListener('abort', withdraw);
    const replies = await Promise.all(
      asked.map(async ({ question, ...who }) => ({ ...who, outcome: await question.outcome })),
    );
    cancel();
    signal?.removeEventListener('abort', withdraw);
    return replies;
  }

  #askOthers(
    target: RequestTarget,
    { event, payload, timeoutMs }: ClientQuestion,
  ): Promise<ClientReply[]> {
    const { broker, clock, observer, random } = this.setup;
    this.#name ??= random.id();
    const question: RequestQuestion = {
      kind: 'request',
      target,
      event,
      ...(payload === undefined ? {} : { payload }),
      timeoutMs: timeoutMs - Math.min(Math.floor(timeoutMs / 10), MAX_WAY_MS),
      asker: this.#name,
    };
    return new Promise((resolve, reject) => {
      const cancel = clock.after(timeoutMs, () => {
        const message = 'expected every node to answer in time';
        observer.failed('asking other nodes', new RealtimeError(ErrorCode.Timeout, message));
        resolve([]);
      });
      broker
        .ask(question)
        .finally(cancel)
        .then((answers) => {
          resolve(answers.flatMap((each) => (each.kind === 'request' ? each.replies : [])));
        }, reject);
    });
  }
}

/** @throws RealtimeError `cancelled` as soon as the signal aborts; the work is left alone. */
function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (signal === undefined) return work();
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(new RealtimeError(ErrorCode.Cancelled, 'the answers are not waited for any longer'));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort);
    work()
      .finally(() => {
        signal.removeEventListener('abort', abort);
      })
      .then(resolve, reject);
  });
}
