import { describe, expect, it } from '@jest/globals';

import type { Claim, Operation, RepeatedReply } from '../../lib/core/index.js';
import { MemoryReplyStore, ReplyBook, type ReplyBookOptions } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { turn } from '../support/turns.js';

type First = Extract<Claim, { isFirst: true }>;

/** A store of one node, in virtual time. */
class Bench {
  readonly clock = new ManualClock();
  readonly book: ReplyBook;
  readonly store: MemoryReplyStore;

  constructor(options?: ReplyBookOptions) {
    this.book = new ReplyBook(this.clock, options);
    this.store = new MemoryReplyStore(this.book);
  }

  async first(id: string, client = 'ada'): Promise<First> {
    const claim = await this.store.claim({ client, id });
    if (!claim.isFirst) throw new Error('expected the first claim');
    return claim;
  }

  async settle(id: string, payload: string, client = 'ada'): Promise<void> {
    await (await this.first(id, client)).settle({ payload });
  }

  async repeat(id: string, client = 'ada'): Promise<{ reply: Promise<RepeatedReply | undefined> }> {
    const claim = await this.store.claim({ client, id });
    if (claim.isFirst) throw new Error('expected a repeat');
    return { reply: claim.reply };
  }

  async reply(id: string): Promise<RepeatedReply | undefined> {
    return (await this.repeat(id)).reply;
  }
}

const kib = (count: number): string => JSON.stringify('x'.repeat(count * 1_024 - 2));

describe('the reply store in memory', () => {
  it('keeps replies of up to 64 KiB by default', async () => {
    const bench = new Bench();
    await bench.settle('1', kib(64));
    await bench.settle('2', `${kib(64)} `);
    expect(await bench.reply('1')).toEqual({ payload: kib(64) });
    expect(await bench.reply('2')).toEqual({ isOmitted: true });
    expect(bench.book.bytes).toBe(65_536);
  });

  it('keeps 16 MiB of replies by default; beyond, the oldest are only known to have been given', async () => {
    const bench = new Bench();
    for (let n = 0; n < 257; n += 1) await bench.settle(String(n), kib(64));
    expect(bench.book.bytes).toBe(16_777_216);
    expect(await bench.reply('0')).toEqual({ isOmitted: true });
    expect(await bench.reply('1')).toEqual({ payload: kib(64) });
    expect(bench.book.size).toBe(257);
  });

  it('counts errors with their details', async () => {
    const bench = new Bench({ maxReplyBytes: 100 });
    const error = { code: 'conflict', message: 'no', details: 'x'.repeat(100) };
    await (await bench.first('1')).settle({ error });
    expect(await bench.reply('1')).toEqual({ isOmitted: true });
    expect(bench.book.bytes).toBe(0);
  });

  it('lets go the bytes of replies whose time is over, with the next reply', async () => {
    const bench = new Bench({ operations: { windowMs: 1_000 } });
    for (let n = 0; n < 10; n += 1) await bench.settle(String(n), kib(1));
    expect(bench.book.bytes).toBe(10_240);
    bench.clock.advance(1_000);
    await bench.settle('next', kib(1));
    expect([bench.book.bytes, bench.book.size]).toEqual([1_024, 1]);
  });

  it('keeps none where there is no room for any', async () => {
    const bench = new Bench({ maxBytes: 0 });
    await bench.settle('1', '1');
    expect(await bench.reply('1')).toEqual({ isOmitted: true });
    expect(bench.book.bytes).toBe(0);
  });

  it('R-18 is bounded where a hundred thousand clients come within one window', async () => {
    const bench = new Bench({ operations: { total: 2_000 }, maxBytes: 50_000 });
    for (let n = 0; n < 100_000; n += 1) await bench.settle('1', `"${String(n)}"`, `c${String(n)}`);
    expect(bench.book.size).toBe(2_000);
    expect(bench.book.bytes).toBeLessThanOrEqual(50_000);
    expect(await (await bench.repeat('1', 'c99999')).reply).toEqual({ payload: '"99999"' });
  });

  it('has a timer only while somebody waits', async () => {
    const bench = new Bench();
    const one = await bench.first('1');
    const other = await bench.first('2');
    expect(bench.clock.waiting).toBe(0);
    for (const id of ['1', '1', '2']) await bench.repeat(id);
    expect(bench.clock.waiting).toBe(2);
    await one.settle({});
    expect(bench.clock.waiting).toBe(1);
    await other.abandon();
    expect(bench.clock.waiting).toBe(0);
    await bench.first('3');
    await bench.repeat('3');
    await bench.repeat('3');
    await bench.store.close();
    expect(bench.clock.waiting).toBe(0);
  });

  it('lets whoever waits go after a minute by default', async () => {
    const bench = new Bench();
    await bench.first('1');
    bench.clock.advance(20_000);
    const { reply } = await bench.repeat('1');
    let told: RepeatedReply | string | undefined = 'open';
    void reply.then((value) => (told = value));
    bench.clock.advance(39_999);
    await turn();
    expect(told).toBe('open');
    bench.clock.advance(1);
    await turn();
    expect(told).toBeUndefined();
    expect(bench.clock.waiting).toBe(0);
  });

  it('does not forget a run that takes its time as long as somebody asks for it', async () => {
    const bench = new Bench();
    const first = await bench.first('1');
    for (let minutes = 0; minutes < 10; minutes += 1) {
      bench.clock.advance(60_000);
      expect(await bench.reply('1')).toBeUndefined();
    }
    await first.settle({ payload: '1' });
    bench.clock.advance(119_999);
    expect(await bench.reply('1')).toEqual({ payload: '1' });
    bench.clock.advance(1);
    await bench.first('1');
  });

  it('takes a reply that comes when the operation is forgotten, unless it was begun again', async () => {
    const bench = new Bench();
    const [late, later] = [await bench.first('1'), await bench.first('2')];
    bench.clock.advance(120_000);
    await late.settle({ payload: '"late"' });
    expect(await bench.reply('1')).toEqual({ payload: '"late"' });
    const second = await bench.first('2');
    const { reply } = await bench.repeat('2');
    await later.settle({ payload: '"later"' });
    await later.abandon();
    await second.settle({ payload: '"second"' });
    expect(await reply).toEqual({ payload: '"second"' });
    expect(await bench.reply('2')).toEqual({ payload: '"second"' });
    expect(bench.book.bytes).toBe('"late"'.length + '"second"'.length);
  });

  it('tells those that wait a reply that is too large to be kept', async () => {
    const bench = new Bench({ maxReplyBytes: 0 });
    const first = await bench.first('1');
    const { reply } = await bench.repeat('1');
    await first.settle({ payload: '"large"' });
    expect(await reply).toEqual({ payload: '"large"' });
    expect(await bench.reply('1')).toEqual({ isOmitted: true });
  });

  it('lets nobody in when it is closed', async () => {
    const bench = new Bench();
    await bench.store.close();
    const operation: Operation = { client: 'ada', id: '1' };
    await expect(bench.store.claim(operation)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'reply store: expected it to be open',
    });
  });
});
