import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { EncodedReply } from '../../lib/core/encoded-reply.js';
import { RealtimeError, RequestContext, StreamSource } from '../../lib/core/index.js';
import type { ReplyStore } from '../../lib/core/index.js';
import { errorFrame } from '../../lib/core/error-frame.js';
import { IdempotentRequests } from '../../lib/core/idempotent-requests.js';
import { MemoryReplyStore, ReplyBook } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { deferred, turn, turns, type Deferred } from '../support/turns.js';

/** What a request was answered with. */
type Answer = { text: string | undefined } | { error: RealtimeError };

/** One node's idempotent requests; several share a book. */
class Bench {
  readonly observer = new RecordingObserver();
  readonly requests: IdempotentRequests;
  runs = 0;

  constructor(
    readonly clock = new ManualClock(),
    readonly replies: ReplyStore = new MemoryReplyStore(new ReplyBook(clock)),
    runsPerUser = 100,
  ) {
    this.requests = new IdempotentRequests({ replies, observer: this.observer, runsPerUser });
  }

  /** Asks, and notes the answer. */
  ask(
    handle: (context: RequestContext) => unknown,
    {
      id = '7',
      client = 'ada',
      context = new RequestContext(id, 'pay', undefined, true),
    }: { id?: string; client?: string; context?: RequestContext } = {},
  ): { readonly context: RequestContext; readonly answer: Promise<Answer> } {
    const answer = this.requests
      .answer({
        operation: { client, id },
        userId: client,
        context,
        handle: async () => {
          this.runs += 1;
          return handle(context);
        },
      })
      .then(
        (reply) => {
          expect(reply).toBeInstanceOf(EncodedReply);
          return { text: reply.text };
        },
        (error: unknown) => ({ error: error as RealtimeError }),
      );
    return { context, answer };
  }
}

/** What an answer is by now; `'open'` if there is none. */
function now(answer: Promise<Answer>): Promise<Answer | 'open'> {
  return turns(2).then(() => Promise.race([answer, Promise.resolve('open' as const)]));
}

const code = (error: string): unknown => ({ error: expect.objectContaining({ code: error }) });

describe('a request that is repeated', () => {
  it('runs its handler once, and gets the first reply byte for byte', async () => {
    const bench = new Bench();
    let n = 0;
    const handle = () => ({ z: (n += 1), a: 1.5, at: new Date(0) });
    const first = await bench.ask(handle).answer;
    expect(first).toEqual({ text: '{"z":1,"a":1.5,"at":"1970-01-01T00:00:00.000Z"}' });
    for (let repeats = 0; repeats < 5; repeats += 1) {
      expect(await bench.ask(handle).answer).toEqual(first);
    }
    expect(bench.runs).toBe(1);
  });

  it('has its reply stored before it is sent: else both could be lost in between', async () => {
    const stored = deferred();
    const settle = (): Promise<void> => stored.promise;
    const abandon = (): Promise<void> => Promise.reject(new Error('expected no abandon'));
    const bench = new Bench(new ManualClock(), {
      claim: () => Promise.resolve({ isFirst: true, settle, abandon }),
      close: () => Promise.resolve(),
    });
    const { answer } = bench.ask(() => 'done');
    expect(await now(answer)).toBe('open');
    stored.resolve();
    expect(await answer).toEqual({ text: '"done"' });
  });

  it('gets an acknowledgement again that had no payload', async () => {
    const bench = new Bench();
    for (let asks = 0; asks < 2; asks += 1) {
      expect(await bench.ask(() => undefined).answer).toEqual({ text: undefined });
    }
    expect(bench.runs).toBe(1);
  });

  it('waits for the first run, on another node as well', async () => {
    const clock = new ManualClock();
    const book = new ReplyBook(clock);
    const nodes = [1, 2, 3].map(() => new Bench(clock, new MemoryReplyStore(book)));
    const gate = deferred<string>();
    const all = nodes.flatMap((bench) => [1, 2].map(() => bench.ask(() => gate.promise).answer));
    for (const answer of all) expect(await now(answer)).toBe('open');
    gate.resolve('done');
    for (const answer of all) expect(await answer).toEqual({ text: '"done"' });
    expect(nodes.reduce((sum, { runs }) => sum + runs, 0)).toBe(1);
  });

  it('gets an error again, with code, message and details as they were', async () => {
    const bench = new Bench();
    const details = { rules: ['a'] };
    const options = { details, retryAfterMs: 5, cause: new Error('secret') };
    const first = await bench.ask(() =>
      Promise.reject(new RealtimeError('conflict', 'no', options)),
    ).answer;
    details.rules.push('changed');
    const again = await bench.ask(() => 'not run').answer;
    for (const answer of [first, again]) {
      const { error } = answer as { error: RealtimeError };
      expect(error).toBeInstanceOf(RealtimeError);
      expect({ ...error, message: error.message }).toMatchObject({
        code: 'conflict',
        message: 'no',
        retryAfterMs: 5,
        details: { rules: ['a'] },
      });
      expect(error.cause).toBeUndefined();
    }
    expect(bench.runs).toBe(1);
  });

  it('gets bytes in details as in the error of any other request: they are none', async () => {
    const bench = new Bench();
    const details = { seen: Buffer.from('a') };
    const error = new RealtimeError('conflict', 'no', { details });
    for (let asks = 0; asks < 2; asks += 1) {
      const { error: told } = (await bench.ask(() => Promise.reject(error)).answer) as {
        error: RealtimeError;
      };
      expect(JSON.stringify(errorFrame(told))).toBe(JSON.stringify(errorFrame(error)));
    }
  });

  it('gets internal again of a handler that failed: what it did nobody knows', async () => {
    const bench = new Bench();
    const failure = new Error('SELECT *');
    expect(await bench.ask(() => Promise.reject(failure)).answer).toEqual(code('internal'));
    expect(await bench.ask(() => 'not run').answer).toEqual(code('internal'));
    expect([bench.runs, bench.observer.failures]).toEqual([
      1,
      [{ where: 'request handler', error: failure }],
    ]);
  });

  it('gets internal again where the value cannot be sent', async () => {
    const bench = new Bench();
    for (let asks = 0; asks < 2; asks += 1) {
      expect(await bench.ask(() => 10n).answer).toEqual(code('internal'));
    }
    expect([bench.runs, bench.observer.failures.length]).toEqual([1, 1]);
  });

  it('gets an error without its details where those cannot be sent', async () => {
    const bench = new Bench();
    const error = new RealtimeError('conflict', 'no', { details: 1n });
    for (let asks = 0; asks < 2; asks += 1) {
      const { error: told } = (await bench.ask(() => Promise.reject(error)).answer) as {
        error: RealtimeError;
      };
      expect([told.code, told.message, told.details]).toEqual(['conflict', 'no', undefined]);
    }
    const odd = new RealtimeError('conflict', 'no', { details: () => 'no value' });
    const { error: told } = (await bench.ask(() => Promise.reject(odd), { id: '8' }).answer) as {
      error: RealtimeError;
    };
    expect(told.details).toBeUndefined();
    expect(bench.observer.failures).toMatchObject([{ where: 'the details of an error' }]);
  });

  it('is another operation when another client sends it', async () => {
    const bench = new Bench();
    expect(await bench.ask(() => 'a').answer).toEqual({ text: '"a"' });
    expect(await bench.ask(() => 'b', { client: 'bob' }).answer).toEqual({ text: '"b"' });
  });

  it.each(['rate-limited', 'timeout', 'unavailable'])(
    'runs again after %s, which says that nothing was done',
    async (retryable) => {
      const bench = new Bench();
      const refuse = () => Promise.reject(new RealtimeError(retryable, 'later'));
      expect(await bench.ask(refuse).answer).toEqual(code(retryable));
      expect(await bench.ask(() => 'done').answer).toEqual({ text: '"done"' });
      expect(bench.runs).toBe(2);
    },
  );

  it('runs when the first run that it waited for did nothing; the others wait for it', async () => {
    const bench = new Bench();
    const gate = deferred();
    const first = bench.ask(() => gate.promise);
    await turn();
    const second = deferred<string>();
    const waiting = [1, 2, 3].map(() => bench.ask(() => second.promise));
    await turn();
    gate.reject(new RealtimeError('unavailable', 'later'));
    expect(await first.answer).toEqual(code('unavailable'));
    await turns(2);
    expect(bench.runs).toBe(2);
    second.resolve('done');
    for (const { answer } of waiting) expect(await answer).toEqual({ text: '"done"' });
    expect(bench.runs).toBe(2);
  });

  it('is told timeout when two first runs in a row did nothing: it may ask again', async () => {
    const bench = new Bench();
    const gates = [deferred(), deferred()];
    const refusals = gates.map((gate) => bench.ask(() => gate.promise));
    const last = bench.ask(() => 'never');
    for (const gate of gates) {
      await turns(2);
      gate.reject(new RealtimeError('unavailable', 'later'));
    }
    for (const { answer } of refusals) expect(await answer).toEqual(code('unavailable'));
    expect(await last.answer).toEqual(code('timeout'));
    expect(bench.runs).toBe(2);
  });

  it('is told timeout when the first run never ends, and its reply when it does after all', async () => {
    const bench = new Bench();
    const gate = deferred<string>();
    const first = bench.ask(() => gate.promise);
    await turn();
    const waiting = bench.ask(() => 'second');
    await turn();
    bench.clock.advance(59_999);
    expect(await now(waiting.answer)).toBe('open');
    bench.clock.advance(1);
    expect(await waiting.answer).toEqual(code('timeout'));
    expect(await bench.ask(() => 'third').answer).toEqual(code('timeout'));
    gate.resolve('late');
    expect(await first.answer).toEqual({ text: '"late"' });
    expect(await bench.ask(() => 'fourth').answer).toEqual({ text: '"late"' });
    expect(bench.runs).toBe(1);
  });

  it('is refused, not run, when its reply was too large to be kept', async () => {
    const clock = new ManualClock();
    const bench = new Bench(
      clock,
      new MemoryReplyStore(new ReplyBook(clock, { maxReplyBytes: 10 })),
    );
    const large = 'x'.repeat(20);
    expect(await bench.ask(() => large).answer).toEqual({ text: JSON.stringify(large) });
    expect(await bench.ask(() => large).answer).toEqual({
      error: expect.objectContaining({ code: 'not-idempotent', retryable: false }),
    });
    expect(bench.runs).toBe(1);
  });

  it('is refused with what the store says when that cannot be asked', async () => {
    const bench = new Bench();
    await bench.replies.close();
    expect(await bench.ask(() => 'never').answer).toEqual(code('unavailable'));
    expect(bench.runs).toBe(0);
  });
});

describe('a stream', () => {
  it('is refused as a fault of the program, and what it holds is let go', async () => {
    const bench = new Bench();
    let discarded = 0;
    const stream = new StreamSource(
      () => {
        throw new Error('expected no start');
      },
      () => {
        discarded += 1;
      },
    );
    for (let asks = 0; asks < 2; asks += 1) {
      expect(await bench.ask(() => stream).answer).toEqual(code('internal'));
    }
    expect([bench.runs, discarded]).toEqual([1, 1]);
    expect(bench.observer.failures).toEqual([
      {
        where: 'request handler',
        error: new Error('an idempotent handler returned a stream, which cannot be repeated'),
      },
    ]);
  });
});

describe('a run', () => {
  it('goes on when its connection ends, for whoever comes back', async () => {
    const bench = new Bench();
    const gate = deferred<string>();
    const first = bench.ask(() => gate.promise);
    await turn();
    first.context.orphan();
    expect(first.context.signal.aborted).toBe(false);
    const back = bench.ask(() => 'second');
    gate.resolve('done');
    expect(await back.answer).toEqual({ text: '"done"' });
  });

  it('does not begin when its connection has ended before, and leaves it to the next', async () => {
    const bench = new Bench();
    const context = new RequestContext('7', 'pay', undefined, true);
    context.orphan();
    await bench.ask(() => 'first', { context }).answer;
    expect(bench.runs).toBe(0);
    expect(await bench.ask(() => 'second').answer).toEqual({ text: '"second"' });
  });

  it('that is cancelled and fails is not remembered', async () => {
    const bench = new Bench();
    const { context, answer } = bench.ask(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new RealtimeError('conflict', 'stopped half way'));
          });
        }),
    );
    await turn();
    context.cancel();
    expect(await answer).toEqual(code('cancelled'));
    expect(await bench.ask(() => 'anew').answer).toEqual({ text: '"anew"' });
    expect(bench.observer.failures).toEqual([]);
  });

  it('that is cancelled and comes to its end all the same is remembered: it took effect', async () => {
    const bench = new Bench();
    const gate = deferred<string>();
    const { context, answer } = bench.ask(() => gate.promise);
    await turn();
    context.cancel();
    gate.resolve('done');
    expect(await answer).toEqual({ text: '"done"' });
    expect(await bench.ask(() => 'anew').answer).toEqual({ text: '"done"' });
  });

  it('is not begun again while a cancelled one is still running', async () => {
    const bench = new Bench();
    const gate = deferred<string>();
    const first = bench.ask(() => gate.promise);
    await turn();
    first.context.cancel();
    const second = bench.ask(() => 'second');
    expect(await now(second.answer)).toBe('open');
    expect(bench.runs).toBe(1);
    gate.reject(new Error('aborted'));
    expect(await second.answer).toEqual({ text: '"second"' });
  });

  it('is stopped when a repeat that waits for it is cancelled', async () => {
    const bench = new Bench();
    let aborted = false;
    const first = bench.ask(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('aborted'));
          });
        }),
    );
    await turn();
    first.context.orphan();
    const repeat = bench.ask(() => 'second');
    await turn();
    repeat.context.cancel();
    expect(await repeat.answer).toEqual(code('cancelled'));
    expect(await first.answer).toEqual(code('cancelled'));
    expect(aborted).toBe(true);
  });

  it('is stopped by a repeat that was cancelled before it began to wait', async () => {
    const bench = new Bench();
    const first = bench.ask(() => new Promise(() => undefined));
    await turn();
    const context = new RequestContext('7', 'pay', undefined, true);
    context.cancel();
    expect(await bench.ask(() => 'second', { context }).answer).toEqual(code('cancelled'));
    expect(first.context.isCancelled).toBe(true);
  });

  it('is one of so many a user; repeats of it are not counted', async () => {
    const bench = new Bench(new ManualClock(), undefined, 2);
    const gate = deferred<string>();
    const all = ['1', '2', '1', '2'].map((id) => bench.ask(() => gate.promise, { id }));
    await turn();
    expect(await bench.ask(() => 'three', { id: '3' }).answer).toEqual(code('rate-limited'));
    expect(await bench.ask(() => 'bob', { client: 'bob' }).answer).toEqual({ text: '"bob"' });
    expect(bench.requests.size).toBe(2);
    gate.resolve('done');
    for (const { answer } of all) expect(await answer).toEqual({ text: '"done"' });
    expect(bench.requests.size).toBe(0);
    const more = ['3', '4'].map((id) => bench.ask(() => turn().then(() => id), { id }));
    for (const { answer } of more) expect(await answer).toEqual({ text: expect.any(String) });
  });

  it('is waited for by whoever wants no run to be cut off', async () => {
    const bench = new Bench();
    await bench.requests.idle();
    const gates = [deferred(), deferred()];
    for (const [n, gate] of gates.entries()) bench.ask(() => gate.promise, { id: String(n) });
    await turn();
    let idle = false;
    void bench.requests.idle().then(() => (idle = true));
    gates[0]?.resolve();
    await turn();
    expect(idle).toBe(false);
    gates[1]?.resolve();
    await turn();
    expect(idle).toBe(true);
  });

  it('that outlived the window leaves the one beside it alone', async () => {
    const bench = new Bench();
    const gates = [deferred<string>(), deferred<string>()];
    const old = bench.ask(() => gates[0]?.promise);
    await turn();
    bench.clock.advance(120_000);
    const young = bench.ask(() => gates[1]?.promise);
    await turn();
    gates[0]?.resolve('old');
    expect(await old.answer).toEqual({ text: '"old"' });
    const repeat = bench.ask(() => 'third');
    await turn();
    repeat.context.cancel();
    expect(young.context.isCancelled).toBe(true);
    gates[1]?.resolve('young');
    await young.answer;
    expect([bench.runs, bench.requests.size]).toEqual([2, 0]);
  });
});

describe('any interleaving', () => {
  it('never runs two at a time, runs again only after a run that did nothing, and gives each the right reply', async () => {
    const kinds = ['ask', 'ask', 'ask', 'value', 'error', 'retryable', 'cancel', 'orphan'] as const;
    const step = fc.record({ kind: fc.constantFrom(...kinds), which: fc.nat(9) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new ManualClock();
        const book = new ReplyBook(clock);
        const nodes = [1, 2].map(() => new Bench(clock, new MemoryReplyStore(book)));
        const open: Deferred<string>[] = [];
        let ended = 0;
        let kept: string | undefined;
        const asked: { context: RequestContext; answer: Promise<Answer> }[] = [];
        const handle = ({ signal }: RequestContext): Promise<string> => {
          expect([open.length, kept]).toEqual([ended, undefined]);
          const gate = deferred<string>();
          open.push(gate);
          signal.addEventListener('abort', () => {
            if (open[ended] === gate) end('retryable');
          });
          return gate.promise;
        };
        const end = (kind: string): void => {
          const gate = open[ended];
          if (gate === undefined) return;
          ended += 1;
          const name = `${kind} ${String(ended)}`;
          if (kind !== 'retryable') kept = name;
          if (kind === 'value') gate.resolve(name);
          else gate.reject(new RealtimeError(kind === 'error' ? 'conflict' : 'unavailable', name));
        };
        for (const { kind, which } of steps) {
          if (kind === 'ask') {
            const node = nodes[which % 2];
            if (node !== undefined) asked.push(node.ask(handle));
          } else if (kind === 'cancel') asked[which % (asked.length || 1)]?.context.cancel();
          else if (kind === 'orphan') asked[which % (asked.length || 1)]?.context.orphan();
          else end(kind);
          await turn();
        }
        for (let rounds = 0; rounds < asked.length + 2; rounds += 1) {
          end('value');
          await turn();
        }
        for (const { answer } of asked) {
          const told = await answer;
          const error = 'error' in told ? told.error : undefined;
          const isKept = error === undefined || error.code === 'conflict';
          const isFirst =
            error === undefined
              ? 'text' in told && told.text === JSON.stringify(kept)
              : error.message === kept;
          const isNoReply = ['unavailable', 'timeout', 'cancelled'].includes(error?.code ?? '');
          expect([told, isKept ? isFirst : isNoReply]).toEqual([told, true]);
        }
        expect(clock.waiting).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
