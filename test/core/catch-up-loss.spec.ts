import { describe, expect, it } from '@jest/globals';

import { publication } from '../support/fakes.js';
import { FakeMember, RoomWorld } from '../support/room-world.js';
import { deferred, turn, type Deferred } from '../support/turns.js';

/** A world whose room has so many messages, and a member that has read some of them and has stopped. */
async function halfWay(count = 1_000): Promise<{ world: RoomWorld; ada: FakeMember }> {
  const world = new RoomWorld();
  publish(world, count);
  const ada = new FakeMember('ada', undefined, 16_384);
  ada.link.stopReading();
  await world.enter(ada, { from: { epoch: world.broker.top('r').epoch, offset: 0 } });
  await world.settle();
  return { world, ada };
}

function publish(world: RoomWorld, count: number): void {
  for (let n = 0; n < count; n += 1) world.broker.publish('r', publication('m'));
}

async function readOn(world: RoomWorld, member: FakeMember): Promise<void> {
  member.link.startReading();
  await world.settle();
  member.read();
}

/** Stops the store's deliveries, or its pages, until they are let go. */
function hold(world: RoomWorld, what: 'message' | 'page'): Deferred<void> {
  const gate = deferred();
  world.broker.gate = (step) => (step.startsWith(what) ? gate.promise : Promise.resolve());
  return gate;
}

describe('a replay of messages that are gone', () => {
  it('tells a gap before what follows, and goes on with the present', async () => {
    const { world, ada } = await halfWay();
    world.broker.trim('r');
    await readOn(world, ada);
    const top = world.broker.top('r');
    expect(ada.reader.frames.at(-1)).toEqual({ type: 'gap', room: 'r', ...top, reason: 'evicted' });
    publish(world, 2);
    ada.read();
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 1]);
    expect(ada.reader.at()).toEqual(world.broker.top('r'));
  });

  it('tells a gap where the room begins a new epoch meanwhile', async () => {
    const { world, ada } = await halfWay();
    world.broker.forget('r');
    publish(world, 1);
    await readOn(world, ada);
    publish(world, 1);
    ada.read();
    expect(ada.reader.frames.at(-2)).toMatchObject({
      type: 'gap',
      reason: 'epoch-changed',
      offset: 1,
    });
    expect([ada.reader.faults, ada.reader.at()]).toEqual([[], world.broker.top('r')]);
  });

  it('tells a gap where the store has begun a new epoch and this node does not know yet', async () => {
    const { world, ada } = await halfWay();
    world.broker.forget('r');
    await readOn(world, ada);
    expect(ada.reader.frames.at(-1)).toMatchObject({ type: 'gap', reason: 'epoch-changed' });
    publish(world, 2);
    ada.read();
    expect([ada.reader.faults, ada.reader.at()]).toEqual([[], world.broker.top('r')]);
  });

  it('tells a gap where history cannot be read, and the log why', async () => {
    const { world, ada } = await halfWay();
    const error = new Error('no store');
    world.broker.failures.set('history', error);
    await readOn(world, ada);
    expect(ada.reader.frames.at(-1)).toMatchObject({ type: 'gap', reason: 'position-unknown' });
    expect(world.observer.failures).toEqual([{ where: 'replay of missed messages', error }]);
    publish(world, 1);
    ada.read();
    expect([ada.reader.faults, ada.reader.at()]).toEqual([[], world.broker.top('r')]);
    expect(ada.replays.isFree).toBe(true);
  });

  it('says nothing where history cannot be read for a member that has left', async () => {
    const { world, ada } = await halfWay();
    const page = hold(world, 'read' as 'page');
    ada.link.startReading();
    await world.settle();
    world.leave(ada);
    world.broker.failures.set('history', new Error('no store'));
    page.resolve();
    await world.settle();
    ada.read();
    expect(ada.reader.frames.at(-1)).toMatchObject({ type: 'unsubscribed' });
    expect(ada.reader.faults).toEqual([]);
  });

  it('ends with a gap, not with asking for ever, where history gives nothing below its top', async () => {
    const { world, ada } = await halfWay();
    const history = world.broker.history.bind(world.broker);
    world.broker.history = async (...query) => ({ ...(await history(...query)), messages: [] });
    await readOn(world, ada);
    expect(ada.reader.frames.at(-1)).toMatchObject({ type: 'gap', reason: 'evicted' });
  });
});

describe('a replay from a history that is ahead of what is delivered', () => {
  it('waits for the deliveries, and gives nothing twice', async () => {
    const { world, ada } = await halfWay(200);
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    expect(ada.reader.at()).toEqual(world.broker.top('r'));
    expect(world.rooms.get('r')?.position.offset).toBe(200);
    publish(world, 5);
    messages.resolve();
    await world.settle();
    ada.read();
    expect(ada.reader.seen).toHaveLength(225);
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 0]);
  });

  it('lets go of a member that leaves while it waits', async () => {
    const { world, ada } = await halfWay(200);
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    world.leave(ada);
    messages.resolve();
    await world.settle();
    ada.read();
    expect([ada.reader.faults, world.rooms.size]).toEqual([[], 0]);
  });

  it('reads on where deliveries are lost meanwhile, and says nothing of it', async () => {
    const { world, ada } = await halfWay(200);
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    world.broker.toLose = 25;
    publish(world, 10);
    messages.resolve();
    await world.settle();
    ada.read();
    expect(ada.reader.seen).toHaveLength(230);
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 0]);
  });

  it('tells a gap where a new epoch is delivered instead', async () => {
    const { world, ada } = await halfWay(200);
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    world.broker.toLose = 20;
    world.broker.forget('r');
    publish(world, 1);
    messages.resolve();
    await world.settle();
    publish(world, 1);
    await world.settle();
    ada.read();
    expect([ada.reader.faults, ada.reader.losses]).toEqual([[], 1]);
    expect(ada.reader.at()).toEqual(world.broker.top('r'));
  });

  it('tells a gap also where the new epoch is at the very offset it waits for', async () => {
    const { world, ada } = await halfWay(200);
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    world.broker.forget('r');
    publish(world, 220);
    world.broker.toLose = 20 + 219;
    messages.resolve();
    await world.settle();
    ada.read();
    expect(world.rooms.get('r')?.position.offset).toBe(220);
    expect(ada.reader.frames.at(-1)).toMatchObject({ type: 'gap', reason: 'epoch-changed' });
  });

  it('keeps out of the room whom the gap itself is too much for', async () => {
    const { world, ada } = await halfWay(200);
    ada.onOverflow = () => {
      world.rooms.leaveAll(ada);
    };
    const messages = hold(world, 'message');
    publish(world, 20);
    await readOn(world, ada);
    ada.link.stopReading();
    ada.outbox.sendEncoded('x'.repeat(16_384), 16_384);
    world.broker.toLose = 20;
    world.broker.forget('r');
    publish(world, 1);
    messages.resolve();
    await world.settle();
    expect([ada.hasOverflown, world.rooms.size, ada.rooms.size]).toEqual([true, 0, 0]);
  });

  it('lets a client go on from where another node was ahead of this one', async () => {
    const world = new RoomWorld();
    publish(world, 3);
    await world.enter(new FakeMember('bob'));
    const messages = hold(world, 'message');
    publish(world, 4);
    const ada = new FakeMember('ada');
    const { epoch } = world.broker.top('r');
    await world.enter(ada, { from: { epoch, offset: 5 } });
    await turn();
    ada.read();
    expect(ada.reader.frames[0]).toMatchObject({ recovered: true, replayed: 0, offset: 5 });
    messages.resolve();
    await world.settle();
    publish(world, 1);
    await world.settle();
    ada.read();
    expect(ada.reader.seen.map(({ position }) => position.offset)).toEqual([6, 7, 8]);
    expect(ada.reader.faults).toEqual([]);
  });
});
