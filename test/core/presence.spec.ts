import { beforeEach, describe, expect, it } from '@jest/globals';

import { askPresence, enter, hear, member, watcher } from '../support/presence-peers.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

const GRACE_MS = 10_000;

let world: NodeWorld;
beforeEach(async () => {
  world = await NodeWorld.start();
});

const told = (peer: Peer): ReturnType<typeof hear> => hear(peer, world.clock);

async function passes(ms: number): Promise<void> {
  world.clock.advance(ms);
  await turn();
}

describe('presence of a user', () => {
  it('R-11 with three devices of which two close is one join, and one leave at the end', async () => {
    const watching = await watcher(world);
    const first = await enter(world, 'ada');
    expect(await told(watching)).toEqual([
      { type: 'presence-change', room: 'r', total: 2, joined: [member('ada', first)] },
    ]);
    const second = await enter(world, 'ada');
    const third = await enter(world, 'ada');
    expect(await told(watching)).toEqual([
      {
        type: 'presence-change',
        room: 'r',
        total: 2,
        updated: [member('ada', first, second, third)],
      },
    ]);
    first.link.hangUp();
    third.link.hangUp();
    expect(await told(watching)).toMatchObject([{ total: 2, updated: [member('ada', second)] }]);
    second.link.hangUp();
    expect(await told(watching)).toEqual([
      { type: 'presence-change', room: 'r', total: 1, left: ['ada'] },
    ]);
  });

  it('is not told of who comes and goes within one turn', async () => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    ada.link.hangUp();
    expect(await told(watching)).toEqual([]);
  });

  it('who goes and comes within one turn is updated', async () => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    await told(watching);
    ada.link.hangUp();
    const again = await enter(world, 'ada');
    expect(await told(watching)).toMatchObject([{ total: 2, updated: [member('ada', again)] }]);
  });

  it('takes dangerous names for names', async () => {
    const watching = await watcher(world);
    const proto = await enter(world, '__proto__');
    const constructor = await enter(world, 'constructor');
    expect(await told(watching)).toMatchObject([
      { total: 3, joined: [member('__proto__', proto), member('constructor', constructor)] },
    ]);
    proto.link.hangUp();
    expect(await told(watching)).toMatchObject([{ total: 2, left: ['__proto__'] }]);
  });
});

describe('presence of a connection that ends', () => {
  const leaving: [string, (peer: Peer) => void][] = [
    ['says goodbye', ({ link }) => link.hangUp(1000)],
    ['unsubscribes', (peer) => peer.say({ type: 'unsubscribe', id: 'u', room: 'r' })],
    ['is taken out of the room', ({ connection }) => world.node.leave(connection, 'r')],
    ['is disconnected', ({ connection }) => connection.close(4300, 'disconnected')],
    ['is revoked', () => void world.node.revoke({ userId: 'ada' })],
    ['is no longer let in', ({ connection }) => connection.close(4403, 'forbidden')],
  ];
  it.each(leaving)('is over at once where it %s', async (_, leave) => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    leave(ada);
    expect(await told(watching)).toMatchObject([{ total: 1, left: ['ada'] }]);
    await passes(GRACE_MS * 2);
    expect(await told(watching)).toEqual([]);
  });

  const breaking: [string, number][] = [
    ['breaks', 1006],
    ['goes away, as a page that is reloaded', 1001],
    ['says nothing', 1005],
    ['reads too slowly', 4100],
    ['is silent', 4101],
    ['is replaced', 4409],
    ['is asked to come back', 4000],
    ['fails in the server', 1011],
  ];
  it.each(breaking)('lasts for the grace where it %s (%i)', async (_, code) => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    ada.link.hangUp(code);
    await passes(GRACE_MS - 200);
    expect(await told(watching)).toEqual([]);
    await passes(400);
    expect(await told(watching)).toMatchObject([{ total: 1, left: ['ada'] }]);
  });

  it('presence: a reconnect within the grace is no leave and join', async () => {
    const watching = await watcher(world);
    const before = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    before.link.breakOff();
    await passes(GRACE_MS - 200);
    const after = await enter(world, 'ada', { clientKey: 'laptop' });
    expect(await told(watching)).toEqual([
      { type: 'presence-change', room: 'r', total: 2, updated: [member('ada', after)] },
    ]);
    await passes(GRACE_MS * 2);
    expect(await told(watching)).toEqual([]);
  });

  it('leaves at once by the connection that has taken over, whatever is left of the grace', async () => {
    const watching = await watcher(world);
    const before = await enter(world, 'ada', { clientKey: 'laptop' });
    before.link.breakOff();
    const after = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    after.say({ type: 'unsubscribe', id: 'u', room: 'r' });
    expect(await told(watching)).toMatchObject([{ total: 1, left: ['ada'] }]);
    await passes(GRACE_MS * 2);
    expect(await told(watching)).toEqual([]);
  });

  it('is a leave and a join where the grace is over, or another client comes', async () => {
    const watching = await watcher(world);
    const before = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    before.link.breakOff();
    const other = await enter(world, 'ada', { clientKey: 'phone' });
    expect(await told(watching)).toMatchObject([{ updated: [member('ada', before, other)] }]);
    await passes(GRACE_MS + 200);
    expect(await told(watching)).toMatchObject([{ updated: [member('ada', other)] }]);
  });

  it('lasts no longer where the room has no grace', async () => {
    const { rights } = world.directory;
    rights.presence = { graceMs: 0, countsOnly: false, info: () => Promise.resolve(undefined) };
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    await told(watching);
    ada.link.breakOff();
    expect(await told(watching)).toMatchObject([{ left: ['ada'] }]);
  });

  it('is left alone by rooms that it was not in any more', async () => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    ada.say({ type: 'unsubscribe', id: 'u', room: 'r' });
    ada.link.breakOff();
    expect(await told(watching)).toMatchObject([{ left: ['ada'] }]);
    await passes(GRACE_MS + 200);
    expect(world.clock.waiting).toBeLessThanOrEqual(1);
  });
});

describe('4409: a client that comes back', () => {
  it('closes the connection that it had, and keeps its place in the room', async () => {
    const watching = await watcher(world);
    const older = await enter(world, 'ada', { clientKey: 'laptop' });
    await told(watching);
    const newer = await enter(world, 'ada', { clientKey: 'laptop' });
    expect(older.link.peerEnd).toEqual({ code: 4409, reason: 'replaced by a newer connection' });
    expect(newer.link.peerEnd).toBeUndefined();
    expect(await told(watching)).toMatchObject([{ updated: [member('ada', newer)] }]);
    await passes(GRACE_MS * 2);
    expect(await told(watching)).toEqual([]);
  });

  it('closes no other client, no other user, and nobody without a name', async () => {
    const others = [
      await enter(world, 'ada', { clientKey: 'phone' }),
      await enter(world, 'bob', { clientKey: 'laptop' }),
      await enter(world, 'ada'),
      await enter(world, 'ada'),
    ];
    await enter(world, 'ada', { clientKey: 'laptop' });
    expect(others.map(({ link }) => link.peerEnd)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('closes nothing where the new connection is not let in', async () => {
    const older = await enter(world, 'ada', { clientKey: 'laptop' });
    world.application.onConnecting = () => Promise.reject(new Error('not today'));
    const refused = world.meet();
    refused.say({ type: 'hello', token: 'token-ada', clientKey: 'laptop' });
    await turns(2);
    expect(refused.link.peerEnd).toMatchObject({ code: 1011 });
    expect(older.link.peerEnd).toBeUndefined();
  });

  it('is let in also when the others cannot be told', async () => {
    const older = await enter(world, 'ada', { clientKey: 'laptop' });
    world.broker.command = () => Promise.reject(new Error('no way through'));
    const newer = await enter(world, 'ada', { clientKey: 'laptop' });
    expect(world.observer.failures).toMatchObject([{ where: 'replace' }]);
    expect([older, newer].map(({ link }) => link.peerEnd)).toEqual([undefined, undefined]);
  });

  it('closes what its client says is older, or is closed itself', async () => {
    const second = await enter(world, 'ada', { clientKey: 'laptop', attempt: 2 });
    const first = world.meet();
    first.say({ type: 'hello', token: 'token-ada', clientKey: 'laptop', attempt: 1 });
    await turns(2);
    expect([first, second].map(({ link }) => link.peerEnd?.code)).toEqual([4409, undefined]);
    const third = await enter(world, 'ada', { clientKey: 'laptop', attempt: 3 });
    expect(second.link.peerEnd?.code).toBe(4409);
    expect(third.link.peerEnd).toBeUndefined();
  });
});

describe('asking who is in a room', () => {
  it('is answered with users, also to who is not in it', async () => {
    const [phone, tablet] = [await enter(world, 'ada'), await enter(world, 'ada')];
    const bob = await enter(world, 'bob');
    const asking = await world.connect('eve');
    expect(await askPresence(asking, 'get')).toEqual([
      {
        type: 'presence',
        id: 'get',
        room: 'r',
        total: 2,
        members: [member('ada', phone, tablet), member('bob', bob)],
      },
    ]);
    expect(await asking.ask({ type: 'presence', id: '1', room: 'r' })).toMatchObject([
      { id: '1', total: 2 },
    ]);
  });

  it('contains whoever asks, as soon as its client knows that it is in', async () => {
    const info = deferred<unknown>();
    const { rights } = world.directory;
    rights.presence = { graceMs: 0, countsOnly: false, info: () => info.promise };
    const peer = await world.connect('ada');
    peer.say(
      { type: 'subscribe', id: '1', room: 'r' },
      { type: 'presence', id: '2', room: 'r' },
      { type: 'presence', id: '3', room: 'r', action: 'watch' },
    );
    await turns(2);
    expect(peer.frames()).toMatchObject([{ type: 'subscribed', id: '1' }]);
    info.resolve({ name: 'Ada' });
    await turns(2);
    const members = [
      { userId: 'ada', connections: [{ connectionId: peer.connection.id, info: { name: 'Ada' } }] },
    ];
    expect(peer.frames()).toEqual([
      { type: 'presence', id: '2', room: 'r', total: 1, members },
      { type: 'presence', id: '3', room: 'r', total: 1, members },
    ]);
    expect(await told(peer)).toEqual([]);
  });

  it('is unsupported where presence is not tracked, and costs nothing there', async () => {
    world.directory.rights.presence = undefined;
    const before = world.clock.waiting;
    const peer = await enter(world, 'ada');
    for (const action of ['get', 'watch', 'unwatch', 'update'] as const) {
      expect(await askPresence(peer, action)).toMatchObject([{ code: 'unsupported', id: action }]);
    }
    expect((await world.presence.read('r', 10)).total).toBe(0);
    peer.link.breakOff();
    expect(world.clock.waiting).toBe(before);
  });

  it('is forbidden without the right, and so is watching', async () => {
    const peer = await enter(world, 'ada');
    world.directory.rights.onPresence = () => Promise.resolve(false);
    expect(await askPresence(peer, 'get')).toMatchObject([{ code: 'forbidden' }]);
    expect(await askPresence(peer, 'watch')).toMatchObject([{ code: 'forbidden' }]);
    await enter(world, 'bob');
    expect(await told(peer)).toEqual([]);
  });

  it('tells the number where the room wants no more, and one frame a second of it', async () => {
    const { rights } = world.directory;
    rights.presence = { graceMs: 0, countsOnly: true, info: () => Promise.resolve('secret') };
    const peer = await enter(world, 'ada');
    expect(await askPresence(peer, 'get')).toEqual([
      { type: 'presence', id: 'get', room: 'r', total: 1 },
    ]);
    expect(await askPresence(peer, 'watch')).toEqual([
      { type: 'presence', id: 'watch', room: 'r', total: 1 },
    ]);
    const bob = await enter(world, 'bob');
    expect(await told(peer)).toEqual([{ type: 'presence-change', room: 'r', total: 2 }]);
    await enter(world, 'eve');
    // Another device of somebody who is there changes no number.
    await enter(world, 'eve');
    expect(await told(peer)).toEqual([]);
    await passes(1_000);
    expect(peer.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 3 }]);
    await enter(world, 'eve');
    bob.link.hangUp();
    await enter(world, 'carol');
    await passes(1_000);
    expect(peer.frames()).toEqual([]);
  });
});

describe('watching', () => {
  it('needs to be in the room', async () => {
    const peer = await world.connect('ada');
    expect(await askPresence(peer, 'watch')).toMatchObject([{ code: 'not-subscribed' }]);
    expect(await askPresence(peer, 'update', { info: 1 })).toMatchObject([
      { code: 'not-subscribed' },
    ]);
  });

  it('ends with unwatch, which is answered with the number', async () => {
    const peer = await watcher(world);
    expect(await askPresence(peer, 'unwatch')).toEqual([
      { type: 'presence', id: 'unwatch', room: 'r', total: 1 },
    ]);
    await enter(world, 'ada');
    expect(await told(peer)).toEqual([]);
    expect(await askPresence(peer, 'unwatch')).toMatchObject([{ total: 2 }]);
  });

  it('ends with leaving the room and with the connection', async () => {
    const unwatched: string[] = [];
    const unwatch = world.presence.unwatch.bind(world.presence);
    world.presence.unwatch = (room) => {
      unwatched.push(room);
      return unwatch(room);
    };
    const leaving = await watcher(world);
    const ending = await watcher(world, 'bob');
    await leaving.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    await told(ending);
    await enter(world, 'ada');
    expect(await told(leaving)).toEqual([]);
    expect(unwatched).toEqual([]);
    ending.link.breakOff();
    expect(unwatched).toEqual(['r']);
  });

  it('begins anew when it is asked for again, without a change told twice', async () => {
    const peer = await watcher(world);
    const ada = await enter(world, 'ada');
    expect(await askPresence(peer, 'watch')).toMatchObject([
      { type: 'presence', members: [member('watcher', peer), member('ada', ada)] },
    ]);
    expect(await told(peer)).toEqual([]);
    const bob = await enter(world, 'bob');
    expect(await told(peer)).toMatchObject([{ total: 3, joined: [member('bob', bob)] }]);
  });

  it('goes on over a subscribe that begins anew, which joins nobody twice', async () => {
    const peer = await watcher(world);
    await peer.ask({ type: 'subscribe', id: '2', room: 'r' });
    expect(await told(peer)).toEqual([]);
    await enter(world, 'ada');
    expect(await told(peer)).toMatchObject([{ total: 2 }]);
  });

  it('is gathered by turn: one frame for many changes, the same text for all who watch', async () => {
    const [one, two] = [await watcher(world, 'one'), await watcher(world, 'two')];
    await told(one);
    two.frames();
    for (const user of ['ada', 'bob', 'eve']) await enter(world, user);
    const [first] = await told(one);
    expect(first).toMatchObject({ total: 5 });
    expect(first?.type === 'presence-change' && first.joined).toHaveLength(3);
    expect(two.frames()).toEqual([first]);
  });

  it('tells nothing when it was left before the turn was over', async () => {
    const peer = await watcher(world);
    await enter(world, 'ada');
    await peer.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    expect(await told(peer)).toEqual([]);
  });

  it('is refused as not-subscribed when the room is left while the state is read', async () => {
    const peer = await enter(world, 'ada');
    const gate = deferred();
    const watch = world.presence.watch.bind(world.presence);
    world.presence.watch = async (...args) => {
      const snapshot = await watch(...args);
      await gate.promise;
      return snapshot;
    };
    peer.say({ type: 'presence', id: '1', room: 'r', action: 'watch' });
    await turn();
    world.node.leave(peer.connection, 'r');
    gate.resolve();
    await turns(2);
    expect(peer.frames()).toMatchObject([
      { type: 'unsubscribed' },
      { type: 'error', code: 'not-subscribed' },
    ]);
  });
});

describe('the right to know who is there', () => {
  it('ends a watch when it ends: the list is void, and nothing follows', async () => {
    const peer = await watcher(world);
    world.directory.rights.onPresence = () => Promise.resolve(false);
    await world.node.reauthorize('watcher');
    await turns(2);
    expect(peer.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 0 }]);
    await enter(world, 'ada');
    expect(await told(peer)).toEqual([]);
    expect(peer.connection.rooms.has('r')).toBe(true);
  });

  it('is asked for again in rooms too that the server has put it into', async () => {
    const peer = await world.connect('ada');
    world.directory.rights.onSubscribe = () => Promise.resolve(false);
    await world.node.join(peer.connection, 'r');
    expect(await askPresence(peer, 'watch')).toMatchObject([
      { type: 'subscribed' },
      { type: 'presence', total: 1 },
    ]);
    await world.node.reauthorize('ada');
    await turns(2);
    await enterByServer('bob');
    expect(await told(peer)).toMatchObject([{ total: 2 }]);
    world.directory.rights.onPresence = () => Promise.reject(new Error('cannot know'));
    await world.node.reauthorize('ada');
    await turns(2);
    expect(peer.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 0 }]);
  });

  async function enterByServer(user: string): Promise<void> {
    const peer = await world.connect(user);
    await world.node.join(peer.connection, 'r');
    await turn();
  }

  it('that ends while the state is read is a refusal', async () => {
    const peer = await enter(world, 'ada');
    const gate = deferred();
    const watch = world.presence.watch.bind(world.presence);
    world.presence.watch = async (...args) => {
      await gate.promise;
      return watch(...args);
    };
    peer.say({ type: 'presence', id: '1', room: 'r', action: 'watch' });
    await turn();
    world.directory.rights.onPresence = () => Promise.resolve(false);
    await world.node.reauthorize('ada');
    await turn();
    gate.resolve();
    await turns(2);
    expect(peer.frames()).toMatchObject([{ type: 'error', code: 'forbidden' }]);
  });

  it('is not needed to change what is known of oneself, which tells no number then', async () => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    await told(watching);
    world.directory.rights.onPresence = () => Promise.resolve(false);
    expect(await askPresence(ada, 'update', { info: 'here' })).toEqual([
      { type: 'presence', id: 'update', room: 'r', total: 0 },
    ]);
    expect(await told(watching)).toMatchObject([{ updated: [{ userId: 'ada' }] }]);
  });
});

describe('what everyone may know of a connection', () => {
  it('is what the room says of the user, until the client says something else', async () => {
    const { rights } = world.directory;
    rights.presence = {
      graceMs: 0,
      countsOnly: false,
      info: ({ id }) => Promise.resolve({ name: id.toUpperCase() }),
    };
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    const of = (info?: unknown): object => ({
      userId: 'ada',
      connections: [{ connectionId: ada.connection.id, ...(info === undefined ? {} : { info }) }],
    });
    expect(await told(watching)).toMatchObject([{ joined: [of({ name: 'ADA' })] }]);
    expect(await askPresence(ada, 'update', { info: { mood: 'busy' } })).toEqual([
      { type: 'presence', id: 'update', room: 'r', total: 2 },
    ]);
    expect(await told(watching)).toMatchObject([{ updated: [of({ mood: 'busy' })] }]);
    await ada.ask({ type: 'subscribe', id: 'again', room: 'r' });
    expect(await told(watching)).toEqual([]);
    await askPresence(ada, 'update', { info: null });
    expect(await told(watching)).toMatchObject([{ updated: [of(null)] }]);
    await askPresence(ada, 'update');
    expect(await told(watching)).toEqual([
      { type: 'presence-change', room: 'r', total: 2, updated: [of()] },
    ]);
    await askPresence(ada, 'update');
    expect(await told(watching)).toEqual([]);
  });

  it('is what the client says, also if the room takes longer to say something', async () => {
    const info = deferred<unknown>();
    const { rights } = world.directory;
    rights.presence = { graceMs: 0, countsOnly: false, info: () => info.promise };
    const peer = await world.connect('ada');
    peer.say({ type: 'subscribe', id: '1', room: 'r' });
    await turn();
    peer.say({ type: 'presence', id: '2', room: 'r', action: 'update', info: 'mine' });
    await turn();
    info.resolve('theirs');
    await turns(2);
    const { members } = await world.presence.read('r', 10);
    expect(members[0]?.connections).toMatchObject([{ info: 'mine' }]);
  });

  it('is at most 1 KiB of JSON, in bytes', async () => {
    const ada = await enter(world, 'ada');
    for (const info of ['x'.repeat(1_023), 'ä'.repeat(512)]) {
      expect(await askPresence(ada, 'update', { info })).toMatchObject([
        { type: 'error', code: 'payload-too-large' },
      ]);
    }
    for (const info of ['x'.repeat(1_022), 'ä'.repeat(511)]) {
      expect(await askPresence(ada, 'update', { info })).toMatchObject([{ total: 1 }]);
    }
  });

  it.each<[string, () => Promise<unknown>]>([
    ['fails', () => Promise.reject(new Error('no info'))],
    ['is too large', () => Promise.resolve('x'.repeat(1_025))],
    ['is nothing JSON can hold', () => Promise.resolve(1n)],
  ])('is nothing where what the room says %s', async (_, info) => {
    world.directory.rights.presence = { graceMs: 0, countsOnly: false, info };
    const ada = await enter(world, 'ada');
    expect(await askPresence(ada, 'get')).toMatchObject([{ members: [member('ada', ada)] }]);
    expect(world.observer.failures).toMatchObject([{ where: 'presence info' }]);
  });

  it('is never put for a connection that has left before it is known', async () => {
    const info = deferred<unknown>();
    const { rights } = world.directory;
    rights.presence = { graceMs: 10_000, countsOnly: false, info: () => info.promise };
    const left = await enter(world, 'ada');
    const broken = await enter(world, 'bob');
    await left.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    broken.link.breakOff();
    info.resolve(1);
    await turns(2);
    expect((await world.presence.read('r', 10)).total).toBe(0);
    await passes(20_000);
    expect(world.clock.waiting).toBeLessThanOrEqual(1);
  });
});

describe('who is taken out of a room in the moment in which it is let in', () => {
  it('is not there', async () => {
    const peer = await world.connect('ada');
    const send = peer.link.send.bind(peer.link);
    peer.link.send = (message) => {
      send(message);
      queueMicrotask(() => {
        world.node.leave(peer.connection, 'r');
      });
    };
    await world.node.join(peer.connection, 'r');
    await turns(2);
    expect(peer.frames()).toMatchObject([{ type: 'subscribed' }, { type: 'unsubscribed' }]);
    expect((await world.presence.read('r', 0)).total).toBe(0);
  });
});

describe('the end of a node', () => {
  it('leaves nothing that waits', async () => {
    const watching = await watcher(world);
    const ada = await enter(world, 'ada');
    await enter(world, 'bob');
    ada.link.breakOff();
    await world.node.close();
    expect(world.clock.waiting).toBe(0);
    watching.link.breakOff();
    expect(await told(watching)).toEqual([]);
    expect(world.observer.failures).toEqual([]);
  });

  it('lets nobody in any more, and takes nobody out', async () => {
    await world.node.close();
    const peer = await enter(world, 'ada');
    await peer.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    expect(await askPresence(peer, 'get')).toMatchObject([{ code: 'unavailable' }]);
    expect(world.observer.failures).toEqual([]);
  });
});
