import type { Clock, Operation } from '../core/index.js';

/** How long operations are remembered, and how many of them. */
export interface OperationWindowOptions {
  /** Milliseconds an operation is remembered. Default 120 000. */
  readonly windowMs?: number;
  /** Operations that are remembered of one client, the latest ones. Default 1 000. */
  readonly perClient?: number;
  /** Operations that are remembered of all clients together. Default 250 000; the oldest client's go first. */
  readonly total?: number;
}

interface Remembered<T> {
  readonly at: number;
  readonly value: T;
}

/** What is remembered of one client: its operations in their order, and when the last one was. */
interface ClientOperations<T> {
  readonly operations: Map<string, Remembered<T>>;
  lastAt: number;
}

/** What came of the latest operations of each client. Bounded in time and in number. */
export class OperationWindow<T> {
  /** In order of the clients' last operations. */
  readonly #clients = new Map<string, ClientOperations<T>>();
  readonly #windowMs: number;
  readonly #perClient: number;
  readonly #total: number;
  #size = 0;

  constructor(
    private readonly clock: Clock,
    options: OperationWindowOptions = {},
  ) {
    this.#windowMs = options.windowMs ?? 120_000;
    this.#perClient = options.perClient ?? 1_000;
    this.#total = options.total ?? 250_000;
  }

  /** Operations that are remembered now. */
  get size(): number {
    return this.#size;
  }

  /** What is remembered of an operation. */
  get({ client, id }: Operation): T | undefined {
    const remembered = this.#clients.get(client)?.operations.get(id);
    return remembered === undefined || this.#isOver(remembered.at) ? undefined : remembered.value;
  }

  /** Remembers an operation; forgets what is past the bounds. */
  set({ client, id }: Operation, value: T): void {
    const at = this.clock.now();
    const known = this.#clients.get(client) ?? { operations: new Map(), lastAt: at };
    known.lastAt = at;
    this.#clients.delete(client);
    this.#clients.set(client, known);
    if (known.operations.delete(id)) this.#size -= 1;
    known.operations.set(id, { at, value });
    this.#size += 1;
    this.#trim(client, known.operations);
    this.#forgetClients(client);
  }

  /** Forgets an operation. */
  delete({ client, id }: Operation): void {
    const operations = this.#clients.get(client)?.operations;
    if (operations?.delete(id) !== true) return;
    this.#size -= 1;
    if (operations.size === 0) this.#clients.delete(client);
  }

  /** Forgets everything; gives what was remembered. */
  clear(): T[] {
    const values = [...this.#clients.values()].flatMap(({ operations }) =>
      [...operations.values()].map(({ value }) => value),
    );
    this.#clients.clear();
    this.#size = 0;
    return values;
  }

  #isOver(at: number): boolean {
    return this.clock.now() - at >= this.#windowMs;
  }

  #trim(client: string, operations: Map<string, Remembered<T>>): void {
    const most = Math.min(this.#perClient, this.#total);
    for (const [id, { at }] of operations) {
      if (operations.size <= most && !this.#isOver(at)) return;
      this.delete({ client, id });
    }
  }

  /** Clients whose last operation is over, and beyond the total those that were quiet for longest. */
  #forgetClients(inUse: string): void {
    for (const [client, { operations, lastAt }] of this.#clients) {
      if (client === inUse || (!this.#isOver(lastAt) && this.#size <= this.#total)) return;
      this.#size -= operations.size;
      this.#clients.delete(client);
    }
  }
}
