import type { RealtimeClient } from '../../lib/client/index.js';
import { FakeApplication } from '../support/fakes.js';
import type { Scheduling } from './scheduling.js';

/** What may be asked for: by whether its handler may run again. */
export type Question = 'repeatable' | 'once';

/** A request, how often a handler ran for it, and how it ended. */
interface Asked {
  readonly question: Question;
  handled: number;
  /** `answered`, or the code of the failure. */
  end: string | undefined;
}

/** The requests of a simulation, on all nodes. */
export class SimulatedRequests {
  readonly asked: Asked[] = [];

  constructor(private readonly scheduling: Scheduling) {}

  /** How many have not ended. */
  get open(): number {
    return this.asked.filter(({ end }) => end === undefined).length;
  }

  /** An application that answers, each time after a while. */
  application(): FakeApplication {
    const application = new FakeApplication();
    for (const question of ['repeatable', 'once'] as const) {
      application.handlers.set(question, ({ payload }) => {
        const asked = this.asked[Number(payload)];
        if (asked !== undefined) asked.handled += 1;
        return new Promise((resolve) => {
          this.scheduling.later(`the answer to ${question}`, () => {
            resolve('answer');
          });
        });
      });
    }
    application.idempotent.add('repeatable');
    return application;
  }

  /** A client asks. */
  ask(sdk: RealtimeClient, question: Question): void {
    const asked: Asked = { question, handled: 0, end: undefined };
    this.asked.push(asked);
    sdk.request(question, this.asked.length - 1).then(
      () => (asked.end = 'answered'),
      (error: unknown) => (asked.end = (error as { code?: string }).code ?? 'unknown'),
    );
  }

  /**
   * What is wrong with how they ended, if anything. Who waits for an answer longer than a client that
   * moves does may lose it, where the handler must not run again: nothing else may fail.
   */
  complaint(): string | undefined {
    const wrong = this.asked.find(({ question, handled, end }) =>
      end === 'answered'
        ? handled !== 1
        : question !== 'once' || end !== 'connection-lost' || handled > 1,
    );
    return wrong && `a request went wrong: ${JSON.stringify(wrong)}`;
  }
}
