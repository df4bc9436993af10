import { describe, expect, it } from '@jest/globals';

import { RealtimeError, type RoomSnapshot } from '../../lib/core/index.js';
import { entryFrame } from '../../lib/core/room-entry.js';
import { TAIL_BYTES } from '../../lib/core/tail.js';
import { publication } from '../support/fakes.js';
import { FakeMember, RoomWorld, type Wish } from '../support/room-world.js';

function publish(world: RoomWorld, count: number, payloadBytes = 0): void {
  const payload = JSON.stringify('x'.repeat(payloadBytes));
  for (let n = 0; n < count; n += 1) world.broker.publish('r', publication('m', { payload }));
}

/** What a client is told first, and then. */
async function enter(world: RoomWorld, wish: Wish): Promise<FakeMember> {
  const ada = new FakeMember('ada');
  expect(await world.enter(ada, wish)).toBe(true);
  await world.settle();
  ada.read();
  expect(ada.reader.faults).toEqual([]);
  return ada;
}

/** A snapshot, and what happens while it is taken. */
function taking(during: () => void = () => undefined, exact?: () => RoomSnapshot['position']) {
  let taken = 0;
  const snapshot = async (): Promise<RoomSnapshot> => {
    taken += 1;
    await Promise.resolve();
    const position = exact?.();
    during();
    await Promise.resolve();
    return { payload: `"state ${String(taken)}"`, ...(position && { position }) };
  };
  return { snapshot, count: () => taken };
}

describe('going on from a position', () => {
  it('is recovered with nothing at the top, with what was missed below it', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    const { epoch } = world.broker.top('r');
    const atTop = await enter(world, { from: { epoch, offset: 3 } });
    expect(atTop.reader.frames).toMatchObject([{ recovered: true, replayed: 0, epoch, offset: 3 }]);
    const below = await enter(world, { from: { epoch, offset: 1 } });
    expect(below.reader.frames).toMatchObject([
      { recovered: true, replayed: 2, epoch, offset: 3 },
      { type: 'message', offset: 2 },
      { type: 'message', offset: 3 },
    ]);
  });

  it('reads no history where nothing was missed', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    await enter(world, { from: world.broker.top('r') });
    await enter(world, {});
    expect(world.broker.calls).not.toContain('history r');
  });

  it('is not recovered where history does not reach back, and begins with the present', async () => {
    const world = new RoomWorld();
    world.broker.policy = { ...world.broker.policy, size: 2 };
    publish(world, 5);
    const { epoch } = world.broker.top('r');
    const lost = await enter(world, { from: { epoch, offset: 2 } });
    expect(lost.reader.frames).toMatchObject([{ recovered: false, reason: 'evicted', offset: 5 }]);
    const held = await enter(world, { from: { epoch, offset: 3 } });
    expect(held.reader.frames[0]).toMatchObject({ recovered: true, replayed: 2 });
  });

  it('is not recovered beyond the top, of another epoch, by half, beyond the limit', async () => {
    const world = new RoomWorld();
    publish(world, 20);
    const { epoch } = world.broker.top('r');
    const verdicts = [
      [{ epoch, offset: 21 }, 'position-unknown'],
      [{ epoch: 'other', offset: 3 }, 'epoch-changed'],
      [{ epoch }, 'position-unknown'],
      [{ offset: 20 }, 'position-unknown'],
      [{ epoch, offset: 9 }, 'limit'],
    ] as const;
    for (const [from, reason] of verdicts) {
      const { reader } = await enter(world, { from, maxReplay: 10 });
      expect(reader.frames).toMatchObject([{ recovered: false, reason, epoch, offset: 20 }]);
    }
  });

  it('counts what came since the plan was made', async () => {
    const world = new RoomWorld();
    await world.enter(new FakeMember('bob'));
    const room = world.rooms.get('r');
    if (room === undefined) throw new Error('expected the room');
    const from = room.position;
    publish(world, 2);
    const plan = { verdict: { recovered: true, replayed: 0 } as const, from };
    expect(entryFrame(room, plan)).toMatchObject({ recovered: true, replayed: 2, offset: 2 });
  });

  it('is judged anew, not wrongly, where the room begins a new epoch after the page was read', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    await world.enter(new FakeMember('bob'));
    const { epoch } = world.broker.top('r');
    world.broker.gate = (what) => {
      if (what === 'page of r') {
        world.broker.gate = undefined;
        world.broker.forget('r');
        publish(world, 1);
      }
      return Promise.resolve();
    };
    const ada = new FakeMember('ada');
    expect(await world.enter(ada, { from: { epoch, offset: 1 } })).toBe(false);
    ada.read();
    expect(ada.reader.frames).toEqual([]);
  });
});

describe('beginning with a snapshot', () => {
  it('tells the position from before the state was taken, then what follows it', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    const { snapshot } = taking(() => {
      publish(world, 2);
    });
    const { reader } = await enter(world, { snapshot });
    const { epoch } = world.broker.top('r');
    expect(reader.frames).toMatchObject([
      { type: 'subscribed', epoch, offset: 3, snapshot: 'state 1' },
      { type: 'message', offset: 4 },
      { type: 'message', offset: 5 },
    ]);
    expect(reader.frames[0]).not.toHaveProperty('recovered');
  });

  it('tells the exact position where the state has one', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    const { snapshot } = taking(
      () => {
        publish(world, 2);
      },
      () => world.broker.publish('r', 'in the state'),
    );
    const { reader } = await enter(world, { snapshot });
    expect(reader.frames.map((frame) => ('offset' in frame ? frame.offset : undefined))).toEqual([
      4, 5, 6,
    ]);
  });

  it('tells an exact position that lies further back, if history reaches there', async () => {
    const world = new RoomWorld();
    publish(world, 300);
    const { epoch } = world.broker.top('r');
    const { snapshot } = taking(undefined, () => ({ epoch, offset: 10 }));
    const { reader } = await enter(world, { snapshot });
    expect(reader.frames[0]).toMatchObject({ offset: 10, snapshot: 'state 1' });
    expect(reader.seen).toHaveLength(290);
  });

  it('waits for deliveries where the state is ahead of them', async () => {
    const world = new RoomWorld();
    await world.enter(new FakeMember('bob'));
    world.broker.gate = () => Promise.resolve();
    const { snapshot } = taking(undefined, () => {
      publish(world, 5);
      return world.broker.top('r');
    });
    const { reader } = await enter(world, { snapshot });
    publish(world, 1);
    await world.settle();
    expect(reader.frames).toMatchObject([{ type: 'subscribed', offset: 5 }]);
  });

  it('comes without history as well: what is said meanwhile is kept for it', async () => {
    const world = new RoomWorld();
    world.broker.policy = { ...world.broker.policy, size: 0 };
    publish(world, 3);
    const { snapshot, count } = taking(() => {
      publish(world, 100);
    });
    const { reader } = await enter(world, { snapshot });
    expect(reader.frames[0]).toMatchObject({ offset: 3 });
    expect([reader.seen.length, count()]).toEqual([100, 1]);
  });

  it('is taken again where more is said meanwhile than is kept, three times at most', async () => {
    const world = new RoomWorld();
    world.broker.policy = { ...world.broker.policy, size: 0 };
    let floods = 2;
    const flood = (): void => {
      floods -= 1;
      if (floods >= 0) publish(world, 4, TAIL_BYTES / 3);
    };
    const third = taking(flood);
    const { reader } = await enter(world, { snapshot: third.snapshot });
    expect(reader.frames).toMatchObject([{ snapshot: 'state 3', offset: 8 }]);
    floods = 3;
    const never = taking(flood);
    const ada = new FakeMember('ada');
    await expect(world.enter(ada, { snapshot: never.snapshot })).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
    expect([never.count(), ada.rooms.size]).toEqual([3, 0]);
  });

  it('is taken again where the room begins a new epoch meanwhile', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    let isFirst = true;
    const { snapshot } = taking(() => {
      if (isFirst) world.broker.forget('r');
      if (isFirst) publish(world, 1);
      isFirst = false;
    });
    const { reader } = await enter(world, { snapshot });
    expect(reader.frames).toMatchObject([
      { ...world.broker.top('r'), offset: 1, snapshot: 'state 2' },
    ]);
  });

  it('comes with the verdict where the position could not be continued from, and only then', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    const top = world.broker.top('r');
    const { snapshot, count } = taking();
    const lost = await enter(world, { from: { ...top, offset: 9 }, snapshot });
    expect(lost.reader.frames).toMatchObject([
      { recovered: false, reason: 'position-unknown', offset: 3, snapshot: 'state 1' },
    ]);
    const recovered = await enter(world, { from: { ...top, offset: 2 }, snapshot });
    expect(recovered.reader.frames[0]).toMatchObject({ recovered: true, replayed: 1 });
    expect(recovered.reader.frames[0]).not.toHaveProperty('snapshot');
    expect(count()).toBe(1);
  });

  it('fails as the state does', async () => {
    const world = new RoomWorld();
    const ada = new FakeMember('ada');
    const snapshot = (): Promise<never> => Promise.reject(new RealtimeError('paywall', 'pay'));
    await expect(world.enter(ada, { snapshot })).rejects.toMatchObject({ code: 'paywall' });
    expect([world.rooms.size, ada.rooms.size]).toEqual([0, 0]);
  });

  it.each([-1, 1.5, NaN, 2 ** 53])(
    'fails where its position is %p, which cannot be',
    async (offset) => {
      const world = new RoomWorld();
      const { epoch } = world.broker.top('r');
      const { snapshot } = taking(undefined, () => ({ epoch, offset }));
      await expect(world.enter(new FakeMember('ada'), { snapshot })).rejects.toThrow(
        'snapshot: expected its position to be one',
      );
    },
  );
});
