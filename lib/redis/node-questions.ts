import type { Clock, NodeAnswer, NodeQuestion, Observer, Random } from '../core/index.js';
import type { NodeRegistry } from './node-registry.js';
import { unavailable } from './redis-errors.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';

/** Questions of others whose answers are kept, in case the question comes again. */
const MOST_KEPT = 1_000;

/** Milliseconds until a question that was not answered is asked again: it, or its answer, may be lost. */
const AGAIN_MS = 1_000;

/** What goes to a node's inbox. */
type Letter =
  | {
      readonly kind: 'ask';
      readonly id: string;
      readonly from: string;
      readonly question: NodeQuestion;
    }
  | {
      readonly kind: 'answer';
      readonly id: string;
      readonly from: string;
      readonly answer: NodeAnswer;
    };

interface OpenQuestion {
  readonly question: NodeQuestion;
  /** Nodes that have not answered. */
  readonly due: Set<string>;
  readonly answers: NodeAnswer[];
  cancel: () => void;
  readonly resolve: (answers: NodeAnswer[]) => void;
  readonly reject: (error: unknown) => void;
}

/** What questions need. */
export interface NodeQuestionsSetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Pick<Random, 'id'>;
  readonly observer: Pick<Observer, 'failed'>;
  readonly registry: NodeRegistry;
  readonly node: string;
  /** Answers for this node. */
  readonly answer: (question: NodeQuestion) => Promise<NodeAnswer>;
}

/**
 * Asks every node that lives, and waits for each as long as it does. Questions and answers are messages
 * that may be lost, so a question is repeated; a node answers it once.
 */
export class NodeQuestions {
  readonly #open = new Map<string, OpenQuestion>();
  /** Answers of this node, by question; in order of arrival. */
  readonly #given = new Map<string, Promise<NodeAnswer>>();

  constructor(private readonly setup: NodeQuestionsSetup) {}

  /** Listens to this node's inbox. */
  async start(): Promise<void> {
    const { link, keys, node, observer } = this.setup;
    const message = (text: string): void => {
      try {
        this.#receive(JSON.parse(text) as Letter);
      } catch (error) {
        observer.failed('message of another node', error);
      }
    };
    await link.subscribe(keys.inbox(node), { message, missed: () => undefined });
  }

  /**
   * Asks.
   *
   * @throws RealtimeError `unavailable` without Redis, or when this node closes meanwhile.
   */
  async ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    const [own, others] = await Promise.all([
      this.setup.answer(question),
      this.#askOthers(question),
    ]);
    return [own, ...others];
  }

  /** Ends it: nobody waits any more. */
  close(): void {
    const { link, keys, node } = this.setup;
    void link.unsubscribe(keys.inbox(node));
    for (const { cancel, reject } of this.#open.values()) {
      cancel();
      reject(unavailable('the broker was closed'));
    }
    this.#open.clear();
  }

  async #askOthers(question: NodeQuestion): Promise<NodeAnswer[]> {
    const { node, random, registry } = this.setup;
    const nodes = (await registry.living()).filter((name) => name !== node);
    if (nodes.length === 0) return [];
    const id = random.id();
    return new Promise((resolve, reject) => {
      const open: OpenQuestion = {
        question,
        due: new Set(nodes),
        answers: [],
        cancel: () => undefined,
        resolve,
        reject,
      };
      this.#open.set(id, open);
      this.#send(id, open);
    });
  }

  #send(id: string, open: OpenQuestion): void {
    const { clock, node } = this.setup;
    for (const name of open.due) {
      this.#post(name, { kind: 'ask', id, from: node, question: open.question });
    }
    open.cancel = clock.after(AGAIN_MS, () => void this.#remind(id, open));
  }

  /** Forgets those who died meanwhile, and asks the others again. */
  async #remind(id: string, open: OpenQuestion): Promise<void> {
    try {
      const living = new Set(await this.setup.registry.living());
      for (const name of open.due) if (!living.has(name)) open.due.delete(name);
      if (!this.#settleIfDone(id, open)) this.#send(id, open);
    } catch (error) {
      if (this.#open.delete(id)) open.reject(error);
    }
  }

  #settleIfDone(id: string, open: OpenQuestion): boolean {
    if (this.#open.get(id) !== open) return true;
    if (open.due.size > 0) return false;
    this.#open.delete(id);
    open.cancel();
    open.resolve(open.answers);
    return true;
  }

  #receive(letter: Letter): void {
    if (letter.kind === 'ask') {
      void this.#reply(letter.id, letter.from, letter.question);
      return;
    }
    const open = this.#open.get(letter.id);
    if (open?.due.delete(letter.from) !== true) return;
    open.answers.push(letter.answer);
    this.#settleIfDone(letter.id, open);
  }

  async #reply(id: string, to: string, question: NodeQuestion): Promise<void> {
    const given = this.#given.get(id) ?? this.setup.answer(question);
    this.#given.set(id, given);
    for (const oldest of this.#given.keys()) {
      if (this.#given.size <= MOST_KEPT) break;
      this.#given.delete(oldest);
    }
    this.#post(to, { kind: 'answer', id, from: this.setup.node, answer: await given });
  }

  #post(node: string, letter: Letter): void {
    const { link, keys, observer } = this.setup;
    link.publish(keys.inbox(node), JSON.stringify(letter)).catch((error: unknown) => {
      observer.failed('message to another node', error);
    });
  }
}
