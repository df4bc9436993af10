import { describe, expect, it } from '@jest/globals';

import type { BrokerListener, HistoryPolicy, Publication } from '../../lib/core/index.js';
import { MemoryBroker, type MemoryBrokerOptions } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { KEPT, put, read } from '../conformance/broker.world.js';
import { CountingRandom, publication } from '../support/fakes.js';
import { turn } from '../support/turns.js';

const DAY_MS = 86_400_000;

const deaf: BrokerListener = {
  message: () => undefined,
  command: () => undefined,
  answer: () => Promise.resolve({ kind: 'sessions', sessions: [] }),
};

async function make(
  options?: MemoryBrokerOptions,
  listener = deaf,
): Promise<{ broker: MemoryBroker; clock: ManualClock }> {
  const clock = new ManualClock();
  const broker = new MemoryBroker(clock, new CountingRandom('epoch'), options);
  await broker.start(listener);
  return { broker, clock };
}

describe('the memory broker', () => {
  it('remembers a position for a day after its last use', async () => {
    const { broker, clock } = await make();
    const { position } = await put(broker, 'r', 'm1');
    clock.advance(DAY_MS);
    await broker.top('other');
    expect(await broker.top('r')).toEqual(position);
    clock.advance(DAY_MS);
    await broker.top('other');
    expect(await broker.top('r')).toEqual(position);
    clock.advance(DAY_MS + 1);
    await broker.top('other');
    const after = await broker.top('r');
    expect(after.offset).toBe(0);
    expect(after.epoch).not.toBe(position.epoch);
  });

  it('remembers so many positions, and forgets the one that was used longest ago', async () => {
    const { broker } = await make({ maxRooms: 3 });
    for (const room of ['a', 'b', 'c']) await put(broker, room, 'm1');
    await broker.top('a');
    await broker.top('d');
    expect(broker.size).toBe(3);
    expect((await broker.top('a')).offset).toBe(1);
    expect((await broker.top('b')).offset).toBe(0);
  });

  it('keeps the epoch of a room with subscribers, beyond time and number', async () => {
    const { broker, clock } = await make({ maxRooms: 2, metaTtlMs: 1_000 });
    const before = await broker.subscribe('kept');
    for (let n = 0; n < 50; n += 1) {
      clock.advance(500);
      await put(broker, `r${String(n)}`, 'm');
    }
    expect(await broker.top('kept')).toEqual(before);
    await broker.unsubscribe('kept');
    for (let n = 0; n < 50; n += 1) await broker.top(`s${String(n)}`);
    expect((await broker.top('kept')).epoch).not.toBe(before.epoch);
  });

  it('B7 never forgets the room in use, even where all others have subscribers', async () => {
    const { broker } = await make({ maxRooms: 1 });
    await broker.subscribe('a');
    await broker.subscribe('b');
    const top = await broker.top('c');
    const { position } = await put(broker, 'c', 'm1');
    expect(position).toEqual({ epoch: top.epoch, offset: 1 });
  });

  it('catches up with its bounds a few rooms a call, and does not loop over rooms it has to keep', async () => {
    const { broker, clock } = await make({ metaTtlMs: 1_000 });
    for (let n = 0; n < 200; n += 1) await broker.top(`r${String(n)}`);
    clock.advance(1_001);
    await broker.top('x');
    expect(broker.size).toBe(201 - 16);
    for (let n = 0; n < 20; n += 1) await broker.top('x');
    expect(broker.size).toBe(1);
    for (let n = 0; n < 100; n += 1) await broker.subscribe(`s${String(n)}`);
    clock.advance(1_001);
    for (let n = 0; n < 20; n += 1) await broker.top('x');
    expect(broker.size).toBe(101);
  });

  it('gives new epochs after it was closed and started again', async () => {
    const { broker } = await make();
    const { position } = await put(broker, 'r', 'm1');
    await broker.close();
    await broker.unsubscribe('r');
    await broker.start(deaf);
    const after = await put(broker, 'r', 'm2');
    expect(after.position.offset).toBe(1);
    expect(after.position.epoch).not.toBe(position.epoch);
  });

  it('B6 answers no repeat with a position of before it was closed', async () => {
    const { broker } = await make();
    const options = { history: KEPT, operation: { client: 'ada', id: '1' } };
    await broker.publish('r', publication('m1'), options);
    await broker.close();
    await broker.start(deaf);
    expect(await broker.publish('r', publication('m2'), options)).toMatchObject({ id: 'm2' });
  });

  it.each(['subscribe', 'top'] as const)('B11 refuses %s when it is not open', async (method) => {
    const broker = new MemoryBroker(new ManualClock(), new CountingRandom());
    await expect(broker[method]('r')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('B11 refuses everything else when it is not open', async () => {
    const broker = new MemoryBroker(new ManualClock(), new CountingRandom());
    await expect(put(broker, 'r', 'm')).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(read(broker, 'r')).rejects.toMatchObject({ code: 'unavailable' });
    const command = { kind: 'reauthorize', userId: 'ada' } as const;
    await expect(broker.command(command)).rejects.toMatchObject({ code: 'unavailable' });
    const question = { kind: 'sessions', userId: 'ada' } as const;
    await expect(broker.ask(question)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('delivers before publish resolves, and what the listener publishes right after it', async () => {
    const log: string[] = [];
    const { broker } = await make(undefined, {
      message: (room, { id, position }) => {
        log.push(`begin ${id} ${String(position?.offset)}`);
        if (id === 'm1') {
          void put(broker, room, 'm2');
          void broker.command({ kind: 'reauthorize', userId: 'ada' });
        }
        log.push(`end ${id}`);
      },
      command: ({ kind }) => log.push(kind),
      answer: () => Promise.resolve({ kind: 'sessions', sessions: [] }),
    });
    await broker.subscribe('r');
    await put(broker, 'r', 'm1');
    expect(log).toEqual(['begin m1 1', 'end m1', 'begin m2 2', 'end m2', 'reauthorize']);
  });

  it('delivers nothing of what was waiting when the listener closes it', async () => {
    const log: string[] = [];
    const { broker } = await make(undefined, {
      message: (room, { id }) => {
        log.push(id);
        void put(broker, room, 'm2');
        void broker.close();
      },
      command: () => undefined,
      answer: () => Promise.resolve({ kind: 'sessions', sessions: [] }),
    });
    await broker.subscribe('r');
    await put(broker, 'r', 'm1');
    expect(log).toEqual(['m1']);
  });
});

/** A message that counts a thousand bytes and 256 for the rest of it. */
function large(id: string): Publication {
  return publication(id, { payload: JSON.stringify('x'.repeat(998)) });
}

describe('the memory broker’s histories', () => {
  it('are bounded together: the room published to longest ago loses its messages, not its position', async () => {
    const { broker } = await make({ maxHistoryBytes: 4_000 });
    for (const room of ['a', 'b', 'c', 'a']) await put(broker, room, large(room));
    expect(broker.historyBytes).toBe(3 * 1_256);
    const page = await read(broker, 'b');
    expect(page).toMatchObject({ top: { offset: 1 }, oldest: 2, messages: [] });
    for (const room of ['a', 'c']) expect((await read(broker, room)).messages).not.toEqual([]);
  });

  it('drop of the room in use only what a bound below one message leaves no place for', async () => {
    const { broker } = await make({ maxHistoryBytes: 1_000 });
    const { position } = await put(broker, 'a', large('m1'));
    expect(broker.historyBytes).toBe(0);
    expect(await read(broker, 'a')).toMatchObject({ top: position, messages: [] });
  });

  it('stay below the bound whatever is published where', async () => {
    const { broker, clock } = await make({ maxHistoryBytes: 10_000 });
    for (let n = 0; n < 2_000; n += 1) {
      clock.advance(n % 7);
      await put(broker, `r${String((n * 7) % 31)}`, large(String(n)), {
        size: n % 5,
        ttlMs: 20 + (n % 50),
        bytes: 5_000,
      });
      expect(broker.historyBytes).toBeLessThanOrEqual(10_000);
      expect(broker.historyBytes).toBeGreaterThanOrEqual(0);
    }
  });

  it('of quiet rooms are let go past their time as others are published to', async () => {
    const { broker, clock } = await make();
    const brief: HistoryPolicy = { ...KEPT, ttlMs: 1_000 };
    for (let n = 0; n < 40; n += 1) await put(broker, `r${String(n)}`, large('m'), brief);
    clock.advance(1_001);
    for (let n = 0; n < 20; n += 1) await put(broker, 'busy', large('m'), { ...KEPT, size: 1 });
    expect(broker.historyBytes).toBe(1_256);
  });

  it('are let go also behind rooms that hold theirs for long', async () => {
    const { broker, clock } = await make();
    const put100 = async (name: string, policy: HistoryPolicy): Promise<void> => {
      for (let n = 0; n < 100; n += 1) await put(broker, `${name}${String(n)}`, 'm', policy);
    };
    await put100('long', { ...KEPT, ttlMs: 100_000 });
    const held = broker.historyBytes;
    await put100('brief', { ...KEPT, ttlMs: 1_000 });
    clock.advance(1_001);
    for (let n = 0; n < 200; n += 1) await put(broker, 'busy', 'm', { ...KEPT, size: 0 });
    expect(broker.historyBytes).toBe(held);
  });

  it('past their time are let go by who reads them', async () => {
    const { broker, clock } = await make();
    await put(broker, 'a', large('m'), { ...KEPT, ttlMs: 1_000 });
    clock.advance(1_000);
    expect((await read(broker, 'a')).messages).toEqual([]);
    expect(broker.historyBytes).toBe(0);
    await put(broker, 'b', 'm', { ...KEPT, size: 0 });
  });

  it('go with the positions of forgotten rooms, and with close', async () => {
    const { broker } = await make({ maxRooms: 2 });
    for (const room of ['a', 'b', 'c', 'd']) await put(broker, room, large('m'));
    expect(broker.historyBytes).toBe(2 * 1_256);
    await broker.close();
    expect(broker.historyBytes).toBe(0);
    await broker.start(deaf);
    await put(broker, 'a', large('m'));
    expect(broker.historyBytes).toBe(1_256);
  });

  it('B13 remember a publish that its own delivery repeats', async () => {
    const heard: string[] = [];
    const operation = { client: 'ada', id: '1' };
    const { broker } = await make(undefined, {
      ...deaf,
      message: (room, { id }) => {
        heard.push(id);
        void broker.publish(room, publication('again'), { history: KEPT, operation });
      },
    });
    await broker.subscribe('r');
    await broker.publish('r', publication('m1'), { history: KEPT, operation });
    await turn();
    expect(heard).toEqual(['m1']);
  });
});
