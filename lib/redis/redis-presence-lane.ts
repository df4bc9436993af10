import type { PresenceRecord, PresenceScope } from '../core/index.js';

/** What is done to a room's records. */
export type RoomChange =
  | { readonly kind: 'put'; readonly record: PresenceRecord }
  | {
      readonly kind: PresenceScope;
      readonly record: Pick<PresenceRecord, 'userId' | 'client' | 'connectionId'>;
    };

/** Changes that are made by one call: a script must not keep everybody else waiting for long. */
const MOST_CHANGES = 50;

interface Caller {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One thing to be done, for whoever has asked for it. */
interface Step {
  readonly work: () => Promise<unknown>;
  /** Set: the changes that it makes; more may join. */
  readonly changes: RoomChange[] | undefined;
  /** Whether it is done whatever became of those before it. */
  readonly isSure: boolean;
  readonly callers: Caller[];
}

/**
 * What a node does about one room, one thing after the other in the order of the calls. Changes that
 * wait next to each other are made together, so that ten thousand who come at once are a few hundred
 * calls. When a step fails, those that wait behind it fail with it: each would wait as long in vain.
 */
export class RoomLane {
  #steps: Step[] = [];
  #isRunning = false;

  /**
   * @param apply makes changes, all of them or none.
   * @param idle called when nothing is left to be done.
   */
  constructor(
    private readonly apply: (changes: readonly RoomChange[]) => Promise<void>,
    private readonly idle: () => void,
  ) {}

  /** Makes a change. Rejects with what `apply` or a step before it rejected with. */
  change(change: RoomChange): Promise<void> {
    const last = this.#steps.at(-1);
    if (last?.changes !== undefined && last.changes.length < MOST_CHANGES) {
      last.changes.push(change);
      return join(last);
    }
    const changes = [change];
    return this.#add({ work: () => this.apply(changes), changes, isSure: false, callers: [] });
  }

  /** Does something else. Rejects with what it, or a step before it, rejected with. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#add({ work, changes: undefined, isSure: false, callers: [] });
  }

  /** The same, for what has to be done even if a step before it failed. */
  runSurely(work: () => Promise<void>): Promise<void> {
    return this.#add({ work, changes: undefined, isSure: true, callers: [] });
  }

  /** Has everything fail that has not begun. */
  fail(error: unknown): void {
    const failing = this.#steps.filter(({ isSure }) => !isSure);
    this.#steps = this.#steps.filter(({ isSure }) => isSure);
    for (const step of failing)
      settle(step, (caller) => {
        caller.reject(error);
      });
  }

  #add<T>(step: Step): Promise<T> {
    const done = join<T>(step);
    this.#steps.push(step);
    if (!this.#isRunning) void this.#run();
    return done;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      try {
        const value = await step.work();
        settle(step, (caller) => {
          caller.resolve(value);
        });
      } catch (error) {
        settle(step, (caller) => {
          caller.reject(error);
        });
        this.fail(error);
      }
    }
    this.#isRunning = false;
    this.idle();
  }
}

function join<T>(step: Step): Promise<T> {
  return new Promise((resolve, reject) => {
    step.callers.push({
      resolve: (value) => {
        // What `work` gives is what was asked for: each step is made in one place.
        resolve(value as T);
      },
      reject,
    });
  });
}

function settle({ callers }: Step, tell: (caller: Caller) => void): void {
  for (const caller of callers) tell(caller);
}
