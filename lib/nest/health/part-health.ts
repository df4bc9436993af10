import { RealtimeError, withDeadline, type Clock } from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';
import type { HealthOfPart } from './health-report.interface.js';

/** How one part is, and since when. Asks one question at a time: while one is not answered, there is no other. */
export class PartHealth {
  #status: 'up' | 'down' = 'up';
  #since: number;
  #asked: Promise<unknown> | undefined;

  /** @param ask resolves if the part works. Not called again before it has settled. */
  constructor(
    private readonly clock: Clock,
    private readonly ask: () => Promise<unknown>,
  ) {
    this.#since = clock.now();
  }

  /** Looks, for no longer than this. Never rejects. */
  async look(timeoutMs: number): Promise<HealthOfPart> {
    try {
      await this.#answer(timeoutMs);
      return this.#note('up');
    } catch (error) {
      return { ...this.#note('down'), error: reasonOf(error) };
    }
  }

  #answer(timeoutMs: number): Promise<unknown> {
    this.#asked ??= this.ask().finally(() => {
      this.#asked = undefined;
    });
    return withDeadline(this.clock, timeoutMs, this.#asked, () => {
      const message = `expected an answer within ${String(timeoutMs)} ms, got none`;
      return new RealtimeError(ErrorCode.Timeout, message);
    });
  }

  #note(status: 'up' | 'down'): HealthOfPart {
    if (status !== this.#status) this.#since = this.clock.now();
    this.#status = status;
    return { status, since: this.#since };
  }
}

/** For operators, who may read it on a page that is not theirs alone: what is expected, not where. */
function reasonOf(error: unknown): string {
  return error instanceof RealtimeError ? error.message : 'expected it to answer, but it failed';
}
