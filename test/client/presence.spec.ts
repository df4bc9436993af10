import { describe, expect, it } from '@jest/globals';
import type {
  PresenceChange,
  PresenceMember,
  PresenceState,
  Room,
} from '../../lib/client/index.js';
import type { PresenceChangeFrame, PresenceStateFrame } from '../../lib/protocol/index.js';
import { settle } from './support/fake-clock.js';
import { NAME, refusal, subscribed } from './support/rooms.js';
import { connectedWorld, message, outcome, World } from './support/world.js';

const member = (userId: string, info?: unknown): PresenceMember => ({
  userId,
  connections: [{ connectionId: `c-${userId}`, ...(info === undefined ? {} : { info }) }],
});

const state = (id: string, ...users: string[]): PresenceStateFrame => ({
  type: 'presence',
  id,
  room: NAME,
  total: users.length,
  members: users.map((user) => member(user)),
});

const change = (total: number, more: Partial<PresenceChangeFrame>): PresenceChangeFrame => ({
  type: 'presence-change',
  room: NAME,
  total,
  ...more,
});

const names = (members: Iterable<PresenceMember>) => [...members].map(({ userId }) => userId);

/** What a listener is told, in short. */
function note(log: unknown[]) {
  return ({ total, members }: PresenceState, { joined, updated, left }: PresenceChange) =>
    log.push([
      total,
      members && names(members.values()),
      names(joined),
      names(updated),
      names(left),
    ]);
}

/** A room whose presence is watched, with ada and bob in it. */
async function watchedRoom(): Promise<{ world: World; room: Room; log: unknown[] }> {
  const world = new World();
  const room = world.client.room(NAME);
  const log: unknown[] = [];
  room.presence.watch(note(log));
  await world.accept();
  world.socket.receive(subscribed(3));
  world.socket.receive(state('1', 'ada', 'bob'));
  return { world, room, log };
}

describe('watching who is in a room', () => {
  it('subscribes, asks once, and tells everyone as joined', async () => {
    const { world, log } = await watchedRoom();
    expect(world.socket.last('hello').rooms).toEqual([{ room: NAME }]);
    expect(world.socket.sent.slice(1)).toEqual([
      { type: 'presence', id: '1', room: NAME, action: 'watch' },
    ]);
    expect(log).toEqual([[2, ['ada', 'bob'], ['ada', 'bob'], [], []]]);
  });

  it('tells who joined, who left and who is not the same', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(change(3, { joined: [member('cy')] }));
    world.socket.receive(change(2, { left: ['ada'], updated: [member('bob', 'away')] }));
    world.socket.receive(change(2, { updated: [member('bob', 'away')] }));
    expect(log.slice(1)).toEqual([
      [3, ['ada', 'bob', 'cy'], ['cy'], [], []],
      [2, ['bob', 'cy'], [], ['bob'], ['ada']],
    ]);
  });

  it('never changes a state that a listener has got', async () => {
    const world = new World();
    const states: PresenceState[] = [];
    world.client.room(NAME).presence.watch((now) => states.push(now));
    await world.accept();
    world.socket.receive(subscribed(3));
    world.socket.receive(state('1', 'ada'));
    world.socket.receive(change(2, { joined: [member('bob')] }));
    expect(states.map(({ members }) => members?.size)).toEqual([1, 2]);
  });

  it('watches again after a broken connection and tells the difference once', async () => {
    const { world, log } = await watchedRoom();
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.frames('presence')).toEqual([]);
    world.socket.receive(subscribed(3, { recovered: true, replayed: 0 }));
    expect(world.socket.frames('presence')).toEqual([
      { type: 'presence', id: '2', room: NAME, action: 'watch' },
    ]);
    world.socket.receive(state('2', 'bob', 'cy'));
    expect(log.slice(1)).toEqual([[2, ['bob', 'cy'], ['cy'], [], ['ada']]]);
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(3, { recovered: true, replayed: 0 }));
    world.socket.receive(state('3', 'bob', 'cy'));
    expect(log).toHaveLength(2);
  });

  it('tells a later listener who is there, and nobody twice', async () => {
    const { world, room, log } = await watchedRoom();
    const late: unknown[] = [];
    room.presence.watch(note(late));
    expect(late).toEqual([]);
    await settle();
    expect(late).toEqual([[2, ['ada', 'bob'], ['ada', 'bob'], [], []]]);
    expect(log).toHaveLength(1);
    room.presence.watch(() => {
      throw new Error('thrown');
    });
    world.socket.receive(change(1, { left: ['ada'] }));
    await settle();
    expect(late).toHaveLength(2);
    expect(world.reported).toEqual([new Error('thrown')]);
    expect(world.socket.frames('presence')).toHaveLength(1);
  });

  it('asks once for listeners that come together', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    room.presence.watch(() => undefined);
    world.socket.receive(subscribed(3, { id: '1' }));
    room.presence.watch(() => undefined);
    expect(world.socket.frames('presence')).toHaveLength(1);
  });

  it('ends with the last listener, and so does the subscription', async () => {
    const { world, room } = await watchedRoom();
    const log: unknown[] = [];
    const off = room.on('chat.message', (payload) => log.push(payload));
    const { socket } = world;
    const other = room.presence.watch(() => undefined);
    other();
    await settle();
    expect(socket.frames('presence')).toHaveLength(1);
    off();
    await settle();
    expect(room.state).toBe('subscribed');
  });

  it('ends with the last listener while the room stays', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log: unknown[] = [];
    const off = room.presence.watch(note(log));
    const leave = room.on('chat.message', () => undefined);
    world.socket.receive(subscribed(3, { id: '1' }));
    world.socket.receive(state('2', 'ada'));
    off();
    world.socket.receive(change(0, { left: ['ada'] }));
    await settle();
    expect(world.socket.last('presence')).toMatchObject({ id: '3', action: 'unwatch' });
    world.socket.receive({ type: 'presence', id: '3', room: NAME, total: 1 });
    expect(log).toHaveLength(1);
    expect(room.state).toBe('subscribed');
    leave();
    await settle();
    expect(room.state).toBe('unsubscribed');
    const alone = room.presence.watch(() => undefined);
    alone();
    await settle();
    expect(room.state).toBe('unsubscribed');
  });

  it('goes on when a listener is replaced within the same turn', async () => {
    const world = await connectedWorld();
    const { presence } = world.client.room(NAME);
    const off = presence.watch(() => undefined);
    world.socket.receive(subscribed(3, { id: '1' }));
    off();
    presence.watch(() => undefined);
    await settle();
    expect(world.socket.frames('presence').map(({ action }) => action)).toEqual(['watch']);
    expect(world.socket.frames('unsubscribe')).toEqual([]);
  });

  it('asks again when a message failed to come and the room was asked for anew', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(message(5));
    world.socket.receive(subscribed(5, { id: '2', recovered: true, replayed: 2 }));
    expect(world.socket.last('presence')).toMatchObject({ id: '3', action: 'watch' });
    world.socket.receive(change(3, { joined: [member('cy')] }));
    world.socket.receive(state('3', 'ada', 'cy'));
    expect(log.slice(1)).toEqual([[2, ['ada', 'cy'], ['cy'], [], ['bob']]]);
  });
});

describe('presence that is not whole', () => {
  it('tells only totals where there are no members', async () => {
    const world = new World();
    const log: unknown[] = [];
    world.client.room(NAME).presence.watch(note(log));
    await world.accept();
    world.socket.receive(subscribed(3));
    world.socket.receive({ type: 'presence', id: '1', room: NAME, total: 1_001 });
    world.socket.receive(change(1_002, {}));
    world.socket.receive(change(1_002, {}));
    expect(log).toEqual([
      [1_001, undefined, [], [], []],
      [1_002, undefined, [], [], []],
    ]);
  });

  it('asks for the state when a change does not lead to its total, once', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(change(4, { joined: [member('cy')] }));
    world.socket.receive(change(5, { joined: [member('di')] }));
    expect(log).toHaveLength(1);
    expect(world.socket.frames('presence').map(({ id }) => id)).toEqual(['1', '2']);
    world.socket.receive(state('2', 'ada', 'bob', 'cy', 'di', 'ed'));
    expect(log.slice(1)).toEqual([
      [5, ['ada', 'bob', 'cy', 'di', 'ed'], ['cy', 'di', 'ed'], [], []],
    ]);
  });

  it('loses its members when the room grows, and has them again when it shrinks', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(change(1_001, {}));
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 1_001 });
    world.socket.receive(change(1_000, { left: ['x'] }));
    expect(world.socket.last('presence')).toMatchObject({ id: '3', action: 'watch' });
    world.socket.receive(state('3', 'ada', 'cy'));
    expect(log.slice(1)).toEqual([
      [1_001, undefined, [], [], []],
      [2, ['ada', 'cy'], ['cy'], [], ['bob']],
    ]);
  });

  it('takes a state that the server sends again under the id of the watch, and no other', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(state('1', 'ada'));
    world.socket.receive(state('9', 'eve'));
    expect(log.slice(1)).toEqual([[1, ['ada'], [], [], ['bob']]]);
    world.socket.receive({ type: 'presence', id: '1', room: NAME, total: 5_000 });
    expect(log.at(-1)).toEqual([5_000, undefined, [], [], []]);
  });

  it('waits for the answer when it has asked anew, whatever comes for the question before', async () => {
    const { world, log } = await watchedRoom();
    world.socket.receive(change(9, {}));
    world.socket.receive(state('1', 'ada'));
    expect(log).toHaveLength(1);
    world.socket.receive(state('2', 'bob'));
    expect(log.slice(1)).toEqual([[1, ['bob'], [], [], ['ada']]]);
  });

  it('ignores changes of a room that is not watched', async () => {
    const world = await connectedWorld();
    world.client.room(NAME).on('a', () => undefined);
    world.socket.receive(subscribed(3, { id: '1' }));
    world.socket.receive(change(1, { joined: [member('ada')] }));
    expect(world.socket.frames('presence')).toEqual([]);
  });

  it('tells the room when watching is refused, and tries again when that may help', async () => {
    const world = new World();
    const room = world.client.room(NAME);
    const log: unknown[] = [];
    room.presence.watch(note(log));
    await world.accept();
    world.socket.receive(subscribed(3));
    world.socket.receive(refusal('1', 'unavailable', 10));
    expect(world.reported).toEqual([]);
    world.clock.advance(20_000);
    world.socket.receive(refusal('2', 'forbidden'));
    expect(world.reported).toEqual([expect.objectContaining({ code: 'forbidden' })]);
    room.on('error', ({ code }) => log.push(code));
    room.presence.watch(() => undefined);
    world.socket.receive(refusal('3', 'unsupported'));
    expect(log).toEqual(['unsupported']);
    room.presence.watch(() => undefined);
    world.socket.receive(refusal('4', 'not-subscribed'));
    expect(log).toEqual(['unsupported']);
    expect(room.state).toBe('subscribed');
  });

  it('shows nobody any more when the right to know has ended', async () => {
    const { world, room, log } = await watchedRoom();
    const errors: unknown[] = [];
    room.on('error', ({ code }) => errors.push(code));
    world.socket.receive(change(0, {}));
    world.socket.receive(refusal(world.socket.last('presence').id, 'forbidden'));
    await settle();
    expect(log.at(-1)).toEqual([0, [], [], [], ['ada', 'bob']]);
    expect(errors).toEqual(['forbidden']);
  });

  it('is not asked for any more when the connection breaks or the room is left', async () => {
    const { world, room } = await watchedRoom();
    world.socket.receive(change(9, {}));
    world.socket.receive(refusal('2', 'unavailable', 10));
    room.unsubscribe();
    world.clock.advance(20_000);
    expect(world.socket.frames('presence')).toHaveLength(2);
    world.client.close();
    expect(world.clock.pending).toBe(0);
  });
});

describe('asking once who is in a room', () => {
  it('needs no subscription and changes none', async () => {
    const { world, room, log } = await watchedRoom();
    const asked = room.presence.get();
    expect(world.socket.last('presence')).toEqual({ type: 'presence', id: '2', room: NAME });
    world.socket.receive(state('2', 'eve'));
    const { total, members } = await asked;
    expect([total, names(members?.values() ?? [])]).toEqual([1, ['eve']]);
    expect(log).toHaveLength(1);
    const counted = room.presence.get();
    world.socket.receive({ type: 'presence', id: '3', room: NAME, total: 7 });
    expect(await counted).toEqual({ total: 7, members: undefined });
  });

  it('rejects with the refusal, is sent again on the next connection, and has a time limit', async () => {
    const { world, room } = await watchedRoom();
    const refused = outcome(room.presence.get());
    world.socket.receive(refusal('2', 'forbidden'));
    expect(await refused).toMatchObject({ code: 'forbidden' });
    const asked = room.presence.get();
    const late = outcome(room.presence.get({ timeoutMs: 3_000 }));
    world.socket.drop();
    await world.reconnect();
    expect(world.socket.frames('presence').map(({ id }) => id)).toEqual(['3', '4']);
    world.socket.receive(state('3', 'ada'));
    expect((await asked).total).toBe(1);
    world.clock.advance(3_000);
    expect(await late).toMatchObject({ code: 'timeout' });
  });
});

describe('telling the room about oneself', () => {
  it('resolves when the server has it, and is told again on each new connection', async () => {
    const { world, room } = await watchedRoom();
    const told = room.presence.update({ status: 'away' });
    const update = { type: 'presence', room: NAME, action: 'update', info: { status: 'away' } };
    expect(world.socket.last('presence')).toEqual({ ...update, id: '2' });
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 2 });
    expect(await told).toBeUndefined();
    world.socket.receive(message(5));
    world.socket.receive(subscribed(5, { id: '3', recovered: true, replayed: 2 }));
    expect(world.socket.last('presence').action).toBe('watch');
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(subscribed(5, { recovered: true, replayed: 0 }));
    expect(world.socket.frames('presence')).toEqual([
      { ...update, id: '5' },
      { type: 'presence', id: '6', room: NAME, action: 'watch' },
    ]);
    world.socket.receive(refusal('5', 'internal'));
    expect(world.reported).toEqual([]);
  });

  it('is not repeated when the room was left before the answer', async () => {
    const { world, room } = await watchedRoom();
    void room.presence.update(1);
    room.unsubscribe();
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 2 });
    await settle();
    void room.subscribe();
    world.socket.receive(subscribed(9, { id: '4' }));
    expect(world.socket.last('presence').action).toBe('watch');
    expect(world.socket.frames('presence').map(({ action }) => action)).toEqual([
      'watch',
      'update',
      'watch',
    ]);
  });

  it('may be nothing, and is forgotten when the room is left or it was refused', async () => {
    const { world, room } = await watchedRoom();
    void room.presence.update();
    expect(world.socket.last('presence')).toEqual({
      type: 'presence',
      id: '2',
      room: NAME,
      action: 'update',
    });
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 2 });
    const refused = outcome(room.presence.update('x'.repeat(2_000)));
    world.socket.receive(refusal('3', 'payload-too-large'));
    expect(await refused).toMatchObject({ code: 'payload-too-large' });
    room.unsubscribe();
    void room.subscribe();
    world.socket.receive(subscribed(9, { id: world.socket.last('subscribe').id }));
    expect(world.socket.last('presence').action).toBe('watch');
    expect(
      world.socket.frames('presence').filter(({ action }) => action === 'update'),
    ).toHaveLength(2);
  });

  it('is not told again what something newer waits to replace', async () => {
    const { world, room } = await watchedRoom();
    const here = room.presence.update('here');
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 2 });
    await here;
    world.socket.drop();
    const away = room.presence.update('away');
    const next = await world.reconnect();
    next.receive(subscribed(3, { recovered: true, replayed: 0 }));
    const updates = () => next.frames('presence').filter(({ action }) => action === 'update');
    expect(updates().map(({ info }) => info)).toEqual(['away']);
    next.receive({ type: 'presence', id: updates()[0]?.id ?? '', room: NAME, total: 2 });
    await away;
    expect(updates()).toHaveLength(1);
  });

  it('is told again what was true when what was to replace it is refused', async () => {
    const { world, room } = await watchedRoom();
    const here = room.presence.update('here');
    world.socket.receive({ type: 'presence', id: '2', room: NAME, total: 2 });
    await here;
    world.socket.drop();
    const large = outcome(room.presence.update('x'.repeat(2_000)));
    const next = await world.reconnect();
    next.receive(subscribed(3, { recovered: true, replayed: 0 }));
    next.receive(refusal(next.frames('presence')[0]?.id ?? '', 'payload-too-large'));
    await large;
    expect(next.frames('presence').at(-1)).toMatchObject({ action: 'update', info: 'here' });
  });
});
