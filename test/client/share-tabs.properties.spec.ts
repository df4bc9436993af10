import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FakeClock } from './support/fake-clock.js';
import { NAME } from './support/rooms.js';
import { TabServer } from './support/tab-server.js';
import { Browser, type Page } from './support/tabs.js';

/** A page, its time, what it heard and what it asked. */
interface Witness extends Page {
  readonly clock: FakeClock;
  readonly heard: unknown[];
  readonly asked: unknown[];
  /** What came of each, the answer or an error's code. */
  readonly answers: unknown[];
  readonly states: string[];
  isAlive: boolean;
}

/** Pages that share a connection, and their server. */
class Run {
  readonly browser = new Browser();
  readonly server = new TabServer(this.browser.sockets);
  readonly pages: Witness[] = [];
  /** Why pages have ended for good, which none is to. */
  readonly closed: unknown[] = [];
  #asked = 0;

  get alive(): Witness[] {
    return this.pages.filter(({ isAlive }) => isAlive);
  }

  open(): void {
    if (this.alive.length >= 4) return;
    const clock = new FakeClock();
    const { now, after } = clock;
    const environment = { now, after, date: now, random: () => 0.5 };
    const page = this.browser.open({ environment, requestTimeoutMs: 1e9 });
    const logs = { heard: [], asked: [], answers: [], states: [] };
    const witness: Witness = { ...page, clock, ...logs, isAlive: true };
    const room = page.client.room(NAME);
    room.on('chat.message', (payload) => witness.heard.push(payload));
    room.on('gap', () => witness.heard.push('gap'));
    page.client.on('state', ({ state, code }) => {
      witness.states.push(state);
      if (state === 'closed' && witness.isAlive) this.closed.push(code);
    });
    this.pages.push(witness);
  }

  ask(which: number): void {
    const page = this.#pick(which);
    if (page === undefined) return;
    const payload = (this.#asked += 1);
    page.asked.push(payload);
    page.client.request('ask', payload).then(
      (answer) => page.answers.push(answer),
      (error: unknown) => page.answers.push(error),
    );
  }

  die(which: number): void {
    const page = this.#pick(which);
    if (page === undefined || this.alive.length === 1) return;
    page.isAlive = false;
    page.die();
  }

  pass(which: number, ms: number): void {
    this.#pick(which)?.clock.advance(ms);
  }

  /** Lets everything come to its end. */
  async finish(): Promise<void> {
    for (let round = 0; round < 100 && !this.#isDone(); round += 1) {
      await this.pump();
      for (const { clock } of this.alive) clock.advance(500);
    }
  }

  /** Has everything arrive that is on its way. */
  async pump(): Promise<void> {
    await turns(3);
    this.server.accept();
    for (let n = 0; n < this.server.size; n += 1) {
      this.server.handle(n);
      this.server.deliver(n);
    }
    await turns(3);
  }

  end(): void {
    for (const page of this.pages) {
      page.isAlive = false;
      page.client.close();
      page.die();
    }
  }

  #isDone(): boolean {
    return this.alive.every(
      ({ client, asked, answers }) =>
        client.state === 'connected' &&
        client.room(NAME).state === 'subscribed' &&
        client.room(NAME).position?.offset === this.server.top &&
        answers.length === asked.length,
    );
  }

  #pick(which: number): Witness | undefined {
    return this.alive[which % Math.max(1, this.alive.length)];
  }
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** What may happen, as a function of the run. */
type Step = (run: Run) => void | Promise<void>;

/** A step that says what it does when the property fails. */
const step = (name: string, run: Step): Step =>
  Object.assign((on: Run) => run(on), { [fc.toStringMethod]: () => name });

const which = fc.nat(3);
const some = fc.integer({ min: 1, max: 4 });

const peaceful: fc.WeightedArbitrary<Step>[] = [
  { weight: 2, arbitrary: fc.constant(step('open', (run) => run.open())) },
  { weight: 6, arbitrary: which.map((n) => step(`ask ${String(n)}`, (run) => run.ask(n))) },
  { weight: 6, arbitrary: fc.constant(step('publish', (run) => run.server.publish())) },
  {
    weight: 4,
    arbitrary: which.map((n) => step(`announce ${String(n)}`, (run) => run.server.announce(n))),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(which, some)
      .map(([n, most]) =>
        step(`handle ${String(n)} ${String(most)}`, (run) => run.server.handle(n, most)),
      ),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(which, some)
      .map(([n, most]) =>
        step(`deliver ${String(n)} ${String(most)}`, (run) => run.server.deliver(n, most)),
      ),
  },
];

const anything: fc.WeightedArbitrary<Step>[] = [
  ...peaceful,
  { weight: 1, arbitrary: which.map((n) => step(`die ${String(n)}`, (run) => run.die(n))) },
  {
    weight: 1,
    arbitrary: which.map((n) => step(`dismiss ${String(n)}`, (run) => run.server.dismiss(n))),
  },
  {
    weight: 1,
    arbitrary: which.map((n) => step(`drop ${String(n)}`, (run) => run.server.drop(n))),
  },
  { weight: 1, arbitrary: fc.constant(step('turn away', (run) => run.server.accept(false))) },
  { weight: 6, arbitrary: fc.constant(step('accept', (run) => run.server.accept())) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(which, fc.constantFrom(1, 500, 1_000, 6_000))
      .map(([n, ms]) => step(`pass ${String(n)} ${String(ms)}`, (run) => run.pass(n, ms))),
  },
];

/** Time passes for one page only: the timers of the others are late. */
const timely: fc.WeightedArbitrary<Step> = {
  weight: 8,
  arbitrary: fc.tuple(which, fc.constantFrom(1, 500, 1_000)).map(([n, ms]) =>
    step(`arrive, pass ${String(n)} ${String(ms)}`, async (run) => {
      await run.pump();
      run.pass(n, ms);
    }),
  ),
};

const scripts = (steps: fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 150, size: 'max' });

/** Plays a script to its end, and judges what came of it. */
async function play(script: readonly Step[], judge: (run: Run) => void): Promise<void> {
  const run = new Run();
  try {
    run.open();
    for (const next of script) {
      await next(run);
      await turns(1);
    }
    await run.finish();
    expectEverythingOnce(run);
    judge(run);
  } finally {
    run.end();
  }
}

/** Whether numbers follow each other. */
function expectContinuous(heard: readonly unknown[], top: number): void {
  const first = top - heard.length + 1;
  expect(heard).toEqual(Array.from({ length: heard.length }, (_, n) => first + n));
}

function expectEverythingOnce({ alive, closed, server }: Run): void {
  expect(closed).toEqual([]);
  for (const { client, heard, asked, answers } of alive) {
    expect(client.state).toBe('connected');
    expectContinuous(heard, server.top);
    expect([...answers].sort((a, b) => Number(a) - Number(b))).toEqual(asked);
  }
  expect([...server.effects.values()].filter((count) => count !== 1)).toEqual([]);
  expect(server.clientKeys.size).toBe(1);
}

describe('pages that share a connection', () => {
  it('hear each message once and in order, and each request takes effect once, whatever breaks and whoever dies', async () => {
    const script = scripts(anything);
    await fc.assert(
      fc.asyncProperty(script, (steps) => play(steps, () => undefined)),
      { numRuns: 200 },
    );
  }, 120_000);

  it('notice nothing of servers that go away, one after the other, before their clients have moved', async () => {
    const script = scripts([...peaceful, timely]);
    let moves = 0;
    await fc.assert(
      fc.asyncProperty(script, (steps) =>
        play(steps, ({ alive, browser }) => {
          for (const { states } of alive) expect(states).toEqual(['connecting', 'connected']);
          moves += browser.sockets.length - 1;
        }),
      ),
      { numRuns: 100 },
    );
    expect(moves).toBeGreaterThan(100);
  }, 120_000);
});
