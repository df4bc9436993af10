import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { EarlyFrames } from '../../lib/core/early-frames.js';
import { FRAME_OVERHEAD_BYTES, Inbox, type InboxTask } from '../../lib/core/inbox.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { deferred, turn, type Deferred } from '../support/turns.js';

const clock = new ManualClock();

/** A task that notes its start and ends when told. */
class Task implements InboxTask {
  readonly end: Deferred<void> = deferred();
  started = false;

  constructor(
    readonly name: string,
    private readonly log: string[],
    readonly bytes = 0,
    readonly exclusive = false,
  ) {}

  run(): Promise<void> {
    this.started = true;
    this.log.push(this.name);
    return this.end.promise;
  }
}

describe('inbox', () => {
  it('is idle for exclusive tasks when the last one has ended, or nobody waits for it', async () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 1, () => undefined, clock);
    await inbox.idle();
    const [first, second, third] = ['a', 'b', 'c'].map((name) => new Task(name, log, 0, true));
    for (const task of [first, second]) if (task) inbox.push(task);
    inbox.push({ bytes: 0, exclusive: true, run: () => undefined });
    expect(inbox.exclusive).toBe(3);
    void inbox.idle().then(() => log.push('idle'));
    first?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b']);
    second?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b', 'idle']);
    if (third) inbox.push(third);
    void inbox.idle().then(() => log.push('forgotten'));
    inbox.clear();
    await turn();
    third?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b', 'idle', 'c', 'forgotten']);
    expect(inbox.exclusive).toBe(0);
  });

  it('runs one task after the other, in the order they came', async () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 1, () => undefined, clock);
    const tasks = ['a', 'b', 'c'].map((name) => new Task(name, log));
    for (const task of tasks) inbox.push(task);
    expect(log).toEqual(['a']);
    tasks[0]?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b']);
    tasks[1]?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b', 'c']);
    expect(inbox.running).toBe(1);
  });

  it('goes on at once behind a task that is done when it returns', () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 1, () => undefined, clock);
    for (const name of ['a', 'b']) {
      inbox.push({ bytes: 0, exclusive: false, run: () => void log.push(name) });
    }
    expect(log).toEqual(['a', 'b']);
    expect(inbox.running).toBe(0);
    expect(inbox.bytes).toBe(0);
  });

  it('runs as many at once as it may, and no more', async () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 3, () => undefined, clock);
    const tasks = ['a', 'b', 'c', 'd'].map((name) => new Task(name, log));
    for (const task of tasks) inbox.push(task);
    expect(log).toEqual(['a', 'b', 'c']);
    tasks[1]?.end.resolve();
    await turn();
    expect(log).toEqual(['a', 'b', 'c', 'd']);
    expect(inbox.running).toBe(3);
  });

  it('starts no exclusive task beside another, and holds back what is behind it', async () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 3, () => undefined, clock);
    const first = new Task('first', log, 0, true);
    const second = new Task('second', log, 0, true);
    inbox.push(first);
    inbox.push(second);
    inbox.push(new Task('behind', log));
    expect(log).toEqual(['first']);
    first.end.resolve();
    await turn();
    expect(log).toEqual(['first', 'second', 'behind']);
  });

  it('runs an exclusive task beside others', () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 2, () => undefined, clock);
    inbox.push(new Task('shared', log));
    inbox.push(new Task('exclusive', log, 0, true));
    expect(log).toEqual(['shared', 'exclusive']);
  });

  it('pauses the peer at its bound and lets it go on at half of it', async () => {
    const pressure: boolean[] = [];
    const limit = 10 * (FRAME_OVERHEAD_BYTES + 72);
    const inbox = new Inbox(limit, 1, (full) => pressure.push(full), clock);
    const log: string[] = [];
    const tasks = Array.from({ length: 12 }, (_, n) => new Task(String(n), log, 72));
    for (const task of tasks.slice(0, 10)) inbox.push(task);
    expect(pressure).toEqual([]);
    inbox.push(tasks[10] as Task);
    expect(pressure).toEqual([true]);
    inbox.push(tasks[11] as Task);
    expect(pressure).toEqual([true]);
    // Eleven wait; the sixth that starts leaves five, which is half of the bound.
    for (const task of tasks.slice(0, 5)) {
      task.end.resolve();
      await turn();
    }
    expect(pressure).toEqual([true]);
    tasks[5]?.end.resolve();
    await turn();
    expect(pressure).toEqual([true, false]);
  });

  it('counts empty frames, which are not free', () => {
    const pressure: boolean[] = [];
    const inbox = new Inbox(100 * FRAME_OVERHEAD_BYTES, 1, (full) => pressure.push(full), clock);
    const log: string[] = [];
    for (let n = 0; n < 101; n += 1) inbox.push(new Task(String(n), log));
    expect(pressure).toEqual([true]);
  });

  it('forgets what waits when it is cleared, and lets running tasks finish', async () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 1, () => undefined, clock);
    const running = new Task('running', log);
    inbox.push(running);
    inbox.push(new Task('waiting', log));
    inbox.clear();
    expect(inbox.bytes).toBe(0);
    running.end.resolve();
    await turn();
    expect(log).toEqual(['running']);
    expect(inbox.running).toBe(0);
  });

  it('starts a task that another task puts in only when its turn has come', () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 1, () => undefined, clock);
    inbox.push({
      bytes: 0,
      exclusive: false,
      run: () => {
        inbox.push({ bytes: 0, exclusive: false, run: () => void log.push('inner') });
        log.push('outer');
        return undefined;
      },
    });
    expect(log).toEqual(['outer', 'inner']);
  });

  it('may be cleared by the task that it starts', () => {
    const log: string[] = [];
    const inbox = new Inbox(1_000_000, 2, () => undefined, clock);
    const blocker = new Task('blocker', log, 0, true);
    inbox.push(blocker);
    inbox.push({
      bytes: 1,
      exclusive: false,
      run: () => {
        inbox.clear();
        return undefined;
      },
    });
    expect(inbox.bytes).toBe(0);
  });

  it('P-12 works off 10 000 tiny tasks without a deeper stack for each', async () => {
    const inbox = new Inbox(100_000_000, 1, () => undefined, clock);
    const gate = deferred();
    let done = 0;
    let deepest = 0;
    inbox.push({ bytes: 0, exclusive: false, run: () => gate.promise });
    for (let n = 0; n < 10_000; n += 1) {
      inbox.push({
        bytes: 0,
        exclusive: false,
        run: () => {
          done += 1;
          const frames = new Error('depth').stack?.split('\n').length ?? 0;
          deepest = Math.max(deepest, frames);
          return n % 3 === 0 ? Promise.resolve() : undefined;
        },
      });
    }
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 1_000;
    gate.resolve();
    for (let passed = 0; passed < 100; passed += 1) {
      await turn();
      clock.advance(1);
    }
    Error.stackTraceLimit = stackTraceLimit;
    expect(done).toBe(10_000);
    expect(deepest).toBeLessThan(30);
  });

  it('behaves like a list, whatever comes and ends in whatever order', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('push' as const),
        bytes: fc.nat(500),
        exclusive: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('end' as const), which: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const limit = 1_500;
          let full = false;
          const inbox = new Inbox(
            limit,
            concurrency,
            (now) => {
              expect(now).toBe(!full);
              full = now;
            },
            clock,
          );
          const log: string[] = [];
          const pushed: Task[] = [];
          const model: { waiting: Task[]; running: Task[]; started: string[]; full: boolean } = {
            waiting: [],
            running: [],
            started: [],
            full: false,
          };
          const settle = (): void => {
            for (let [head] = model.waiting; head !== undefined; [head] = model.waiting) {
              const blocked = head.exclusive && model.running.some((task) => task.exclusive);
              if (model.running.length >= concurrency || blocked) break;
              model.waiting.shift();
              model.running.push(head);
              model.started.push(head.name);
            }
            const bytes = model.waiting.reduce((sum, task) => sum + task.bytes + 128, 0);
            if (bytes >= limit) model.full = true;
            else if (bytes <= limit / 2) model.full = false;
          };
          for (const [index, next] of steps.entries()) {
            if (next.kind === 'push') {
              const task = new Task(String(index), log, next.bytes, next.exclusive);
              pushed.push(task);
              model.waiting.push(task);
              inbox.push(task);
            } else {
              const [task] = model.running.splice(next.which % (model.running.length || 1), 1);
              task?.end.resolve();
              await turn();
            }
            settle();
            expect(log).toEqual(model.started);
            expect(inbox.running).toBe(model.running.length);
            const bytes = model.waiting.reduce((sum, task) => sum + task.bytes + 128, 0);
            expect(inbox.bytes).toBe(bytes);
            expect(full).toBe(model.full);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('early frames', () => {
  const frame = { type: 'ping' } as const;

  it('come back in order, once', () => {
    const early = new EarlyFrames(10_000, () => undefined);
    early.push({ type: 'ping', id: '1' }, 20);
    early.push({ type: 'ping', id: '2' }, 20);
    expect(early.take()).toEqual([
      { frame: { type: 'ping', id: '1' }, bytes: 20 },
      { frame: { type: 'ping', id: '2' }, bytes: 20 },
    ]);
    expect(early.take()).toEqual([]);
  });

  it('pause a stranger at their bound, and let it go on when they are taken', () => {
    const pressure: boolean[] = [];
    const early = new EarlyFrames(3 * FRAME_OVERHEAD_BYTES, (full) => pressure.push(full));
    early.push(frame, 0);
    early.push(frame, 0);
    expect(pressure).toEqual([]);
    early.push(frame, 0);
    expect(pressure).toEqual([true]);
    early.take();
    expect(pressure).toEqual([true, false]);
    early.take();
    expect(pressure).toEqual([true, false]);
  });
});
