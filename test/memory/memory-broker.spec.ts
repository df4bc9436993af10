import { describe, expect, it } from '@jest/globals';

import type { BrokerListener } from '../../lib/core/index.js';
import { MemoryBroker, type MemoryBrokerOptions } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom, publication } from '../support/fakes.js';

const DAY_MS = 86_400_000;

const deaf: BrokerListener = {
  message: () => undefined,
  command: () => undefined,
  answer: () => [],
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
    const { position } = await broker.publish('r', publication('m1'));
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
    for (const room of ['a', 'b', 'c']) await broker.publish(room, publication('m1'));
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
      await broker.publish(`r${String(n)}`, publication('m'));
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
    const { position } = await broker.publish('c', publication('m1'));
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
    const { position } = await broker.publish('r', publication('m1'));
    await broker.close();
    await broker.unsubscribe('r');
    await broker.start(deaf);
    const after = await broker.publish('r', publication('m2'));
    expect(after.position.offset).toBe(1);
    expect(after.position.epoch).not.toBe(position.epoch);
  });

  it.each(['subscribe', 'top'] as const)('refuses %s when it is not open', async (method) => {
    const broker = new MemoryBroker(new ManualClock(), new CountingRandom());
    await expect(broker[method]('r')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses publish and command when it is not open', async () => {
    const broker = new MemoryBroker(new ManualClock(), new CountingRandom());
    await expect(broker.publish('r', publication('m'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    const command = { kind: 'reauthorize', userId: 'ada' } as const;
    await expect(broker.command(command)).rejects.toMatchObject({ code: 'unavailable' });
    const question = { kind: 'sessions', userId: 'ada' } as const;
    await expect(broker.ask(question)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('delivers before publish resolves, and what the listener publishes right after it', async () => {
    const log: string[] = [];
    const { broker } = await make(undefined, {
      message: (room, { id, position }) => {
        log.push(`begin ${id} ${String(position.offset)}`);
        if (id === 'm1') {
          void broker.publish(room, publication('m2'));
          void broker.command({ kind: 'reauthorize', userId: 'ada' });
        }
        log.push(`end ${id}`);
      },
      command: ({ kind }) => log.push(kind),
      answer: () => [],
    });
    await broker.subscribe('r');
    await broker.publish('r', publication('m1'));
    expect(log).toEqual(['begin m1 1', 'end m1', 'begin m2 2', 'end m2', 'reauthorize']);
  });

  it('delivers nothing of what was waiting when the listener closes it', async () => {
    const log: string[] = [];
    const { broker } = await make(undefined, {
      message: (room, { id }) => {
        log.push(id);
        void broker.publish(room, publication('m2'));
        void broker.close();
      },
      command: () => undefined,
      answer: () => [],
    });
    await broker.subscribe('r');
    await broker.publish('r', publication('m1'));
    expect(log).toEqual(['m1']);
  });
});
