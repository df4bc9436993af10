/** Who is told that what comes from elsewhere is late, when, and how often. */
import { beforeEach, describe, expect, it } from '@jest/globals';

import { Delays } from '../../lib/core/delays.js';
import type { BrokerListener, Delay } from '../../lib/core/index.js';
import { MemoryBroker } from '../../lib/memory/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { CountingRandom } from '../support/fakes.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { turn } from '../support/turns.js';

const ALL: ServerFrame = { type: 'delayed', delayed: true };
const OVER: ServerFrame = { type: 'delayed', delayed: false };

const some = (...rooms: string[]): ServerFrame => ({ type: 'delayed', delayed: true, rooms });

/** Rooms whose name begins so are delayed. */
const inRooms =
  (...beginnings: string[]): Delay =>
  (room) =>
    beginnings.some((beginning) => room.startsWith(beginning));

let world: NodeWorld;
let listener: BrokerListener;

/** A broker that says what the test says. */
class DelayingBroker extends MemoryBroker {
  override start(heard: BrokerListener): Promise<void> {
    listener = heard;
    return super.start(heard);
  }
}

beforeEach(async () => {
  const broker = ({ clock }: NodeWorld): DelayingBroker =>
    new DelayingBroker(clock, new CountingRandom('epoch'));
  world = await NodeWorld.start({ broker });
});

function delay(value: Delay | undefined): void {
  listener.delayed?.(value);
}

/** A peer in these rooms, with everything read that says so. */
async function join(...rooms: string[]): Promise<Peer> {
  const peer = await world.connect(`user-${world.random.id()}`);
  peer.say(...rooms.map((room, n) => ({ type: 'subscribe', id: `s${String(n)}`, room })));
  await turn();
  await turn();
  expect(peer.frames().map(({ type }) => type)).toEqual(rooms.map(() => 'subscribed'));
  return peer;
}

describe('everything that is delayed', () => {
  it('is told to every client by one frame once it has lasted for a second, and its end at once', async () => {
    const [ada, bob] = [await join('a', 'b', 'c'), await join()];
    delay('all');
    world.clock.advance(999);
    expect([...ada.frames(), ...bob.frames()]).toEqual([]);
    world.clock.advance(1);
    expect([ada.frames(), bob.frames()]).toEqual([[ALL], [ALL]]);
    world.clock.advance(60_000);
    expect([...ada.frames(), ...bob.frames()]).toEqual([]);
    delay(undefined);
    expect([ada.frames(), bob.frames()]).toEqual([[OVER], [OVER]]);
    world.clock.advance(60_000);
    expect([...ada.frames(), ...bob.frames()]).toEqual([]);
  });

  it('is not told if it is over within the second', async () => {
    const ada = await join('a');
    for (let n = 0; n < 10; n += 1) {
      delay('all');
      world.clock.advance(999);
      delay(undefined);
    }
    world.clock.advance(60_000);
    expect(ada.frames()).toEqual([]);
  });

  it('is told one frame a connection and its end, to a thousand, however often the link flaps', async () => {
    const peers = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => world.connect(`user-${String(n)}`)),
    );
    for (let n = 0; n < 10; n += 1) {
      delay('all');
      world.clock.advance(50);
      delay(undefined);
      world.clock.advance(50);
    }
    delay('all');
    for (let n = 0; n < 10; n += 1) {
      world.clock.advance(500);
      // One that breaks again before it is over.
      delay('all');
    }
    expect(peers.filter((peer) => peer.frames().length !== 1)).toEqual([]);
    delay(undefined);
    expect(peers.filter((peer) => peer.frames().length !== 1)).toEqual([]);
  });

  it('is told right behind `connected` to who comes meanwhile, and to nobody before that', async () => {
    const early = await join('a');
    delay('all');
    const soon = await world.connect('bob');
    expect(soon.frames()).toEqual([]);
    const silent = world.meet();
    world.clock.advance(1_000);
    expect([early.frames(), soon.frames(), silent.frames()]).toEqual([[ALL], [ALL], []]);
    silent.say({ type: 'hello', token: 'token-carol', rooms: [{ room: 'a' }] });
    await turn();
    await turn();
    const frames = silent.frames();
    expect(frames.map(({ type }) => type)).toEqual(['connected', 'delayed', 'subscribed']);
    expect(frames[1]).toEqual(ALL);
    delay(undefined);
    const late = await world.connect('dave');
    world.clock.advance(60_000);
    expect([silent.frames(), late.frames()]).toEqual([[OVER], []]);
  });

  it('is forgotten of a connection that has ended', () => {
    const told: (string | Uint8Array)[] = [];
    const outbox = { sendEncoded: (frame: string | Uint8Array): void => void told.push(frame) };
    const [ended, open, closed] = [true, true, false].map((isLive) => {
      return { isLive, outbox, rooms: new Map<string, unknown>() };
    });
    const delays = new Delays({ clock: world.clock, readers: () => [ended!, open!, closed!] });
    delays.changed('all');
    world.clock.advance(1_000);
    expect(told).toHaveLength(2);
    delays.ended(ended!);
    delays.changed(undefined);
    expect(told).toHaveLength(3);
  });
});

describe('some rooms that are delayed', () => {
  it('are named to who is in them, and to nobody else', async () => {
    const [ada, bob, carol] = [
      await join('x/1', 'x/2', 'y/1'),
      await join('x/2'),
      await join('y/1'),
    ];
    delay(inRooms('x/'));
    world.clock.advance(1_000);
    expect(ada.frames()).toEqual([some('x/1', 'x/2')]);
    expect(bob.frames()).toEqual([some('x/2')]);
    expect(carol.frames()).toEqual([]);
    delay(undefined);
    expect([ada.frames(), bob.frames(), carol.frames()]).toEqual([[OVER], [OVER], []]);
  });

  it('are named anew when they become more or fewer, within a second and only to whom it concerns', async () => {
    const [ada, bob] = [await join('x/1', 'y/1'), await join('x/1')];
    delay(inRooms('x/'));
    world.clock.advance(1_000);
    expect([ada.frames(), bob.frames()]).toEqual([[some('x/1')], [some('x/1')]]);
    delay(inRooms('x/', 'y/'));
    delay(inRooms('x/'));
    delay(inRooms('x/', 'y/'));
    expect([...ada.frames(), ...bob.frames()]).toEqual([]);
    world.clock.advance(1_000);
    expect([ada.frames(), bob.frames()]).toEqual([[some('x/1', 'y/1')], []]);
    delay(inRooms('y/'));
    world.clock.advance(1_000);
    expect([ada.frames(), bob.frames()]).toEqual([[some('y/1')], [OVER]]);
    delay('all');
    world.clock.advance(1_000);
    expect([ada.frames(), bob.frames()]).toEqual([[ALL], [ALL]]);
  });

  it('are named to who comes into them, all of them by one frame, and when it leaves', async () => {
    const ada = await join('y/1');
    delay(inRooms('x/'));
    world.clock.advance(1_000);
    ada.say(
      ...[1, 2, 3].map((n) => ({ type: 'subscribe', id: String(n), room: `x/${String(n)}` })),
    );
    await turn();
    await turn();
    expect(ada.frames().map(({ type }) => type)).toEqual(Array(3).fill('subscribed'));
    world.clock.advance(50);
    expect(ada.frames()).toEqual([some('x/1', 'x/2', 'x/3')]);
    ada.say({ type: 'unsubscribe', id: '4', room: 'x/2' });
    await turn();
    world.clock.advance(50);
    expect(ada.frames().slice(1)).toEqual([some('x/1', 'x/3')]);
    for (const room of ['x/1', 'x/3']) ada.say({ type: 'unsubscribe', id: room, room });
    await turn();
    world.clock.advance(50);
    expect(ada.frames().slice(2)).toEqual([OVER]);
  });

  it('are not named to who came into them when it is over by then', async () => {
    const ada = await join();
    delay(inRooms('x/'));
    world.clock.advance(1_000);
    ada.say({ type: 'subscribe', id: '1', room: 'x/1' });
    await turn();
    await turn();
    delay(undefined);
    world.clock.advance(60_000);
    expect(ada.frames().map(({ type }) => type)).toEqual(['subscribed']);
  });
});
