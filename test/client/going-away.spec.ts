import { describe, expect, it } from '@jest/globals';
import { handle, history, stream } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import type { FakeSocket } from './support/fake-socket.js';
import { NAME, record, subscribed, subscribedRoom } from './support/rooms.js';
import { connectedFrame, connectedWorld, message, outcome, World } from './support/world.js';

/** The server of the present connection says that it goes away, 2 s from now on average. */
function announce(world: World, more: { served?: boolean } = {}): FakeSocket {
  world.socket.receive({ type: 'going-away', afterMs: 1_000, windowMs: 2_000, ...more });
  return world.socket;
}

/** Names of the requests that a socket sent. */
const asked = (socket: FakeSocket): string[] => socket.frames('request').map(({ event }) => event);

/** Waits until the client moves, and opens the new socket up to the hello. */
async function openNext(world: World): Promise<FakeSocket> {
  world.clock.advance(2_000);
  await settle();
  world.socket.open();
  return world.socket;
}

describe('a server that goes away', () => {
  it('is left at a random moment of its window, while its connection lives', async () => {
    const world = await connectedWorld();
    const old = announce(world);
    world.clock.advance(1_999);
    await settle();
    expect(world.sockets).toHaveLength(1);
    world.clock.advance(1);
    await settle();
    expect(world.sockets).toHaveLength(2);
    expect(old.isLive).toBe(true);
    expect(world.client.state).toBe('connected');
  });

  it('is followed by a connection of the same client with a higher attempt, and nobody notices', async () => {
    const world = await connectedWorld();
    const old = announce(world);
    const next = await openNext(world);
    const [before, after] = [old.last('hello'), next.last('hello')];
    expect(after.clientKey).toBe(before.clientKey);
    expect(after.attempt).toBeGreaterThan(before.attempt ?? Infinity);
    next.receive({ ...connectedFrame, connectionId: 'c-2' });
    expect(old.closedWith?.code).toBe(4409);
    expect(world.client.connectionId).toBe('c-2');
    expect(world.states).toEqual(['connecting', 'connected']);
  });

  it('delivers to the end, and what comes twice is told once, in order', async () => {
    const { world, room, log } = await subscribedRoom();
    const old = announce(world);
    old.receive(message(4));
    const next = await openNext(world);
    expect(next.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 4 }]);
    old.receive(message(5));
    next.receive(connectedFrame);
    old.receive(message(6));
    next.receive(subscribed(6, { recovered: true, replayed: 2 }));
    for (const offset of [5, 6, 7]) next.receive(message(offset));
    expect(log.filter((entry) => typeof entry === 'number')).toEqual([4, 5, 6, 7]);
    expect(log.slice(2)).not.toContain('subscribing');
    expect(room.state).toBe('subscribed');
  });

  it('answers for its own hello, however late, and not for the next one', async () => {
    const world = new World();
    const log = record(world.client.room(NAME));
    // Each server goes away before it has answered for the room.
    for (const offset of [0, 1]) {
      const old = await world.accept();
      announce(world);
      await openNext(world);
      old.receive(subscribed(offset));
    }
    const { socket } = world;
    socket.receive(connectedFrame);
    socket.receive(subscribed(1));
    socket.receive(message(2));
    expect(log).toEqual(['subscribing', 'subscribed undefined', 2]);
  });

  it('answers what is in flight before the client says hello elsewhere', async () => {
    const world = await connectedWorld();
    const answer = world.client.request('slow');
    const old = announce(world);
    world.clock.advance(2_000);
    await settle();
    expect(world.sockets).toHaveLength(1);
    old.receive({ type: 'response', id: '1', payload: 'done' });
    await settle();
    expect(await answer).toBe('done');
    expect(world.sockets).toHaveLength(2);
  });

  it('is left after 5 s more with answers due, which are asked for again', async () => {
    const world = await connectedWorld();
    const answer = world.client.request('slow', 1);
    announce(world);
    await openNext(world);
    expect(world.sockets).toHaveLength(1);
    world.clock.advance(5_000);
    const next = await world.accept();
    const again = { type: 'request', id: '1', event: 'slow', payload: 1, retry: true };
    expect(next.frames('request')).toEqual([again]);
    next.receive({ type: 'response', id: '1', payload: 'done' });
    expect(await answer).toBe('done');
  });

  it('gets new requests until the moment of the move, where it says that it serves on', async () => {
    const world = await connectedWorld();
    const old = announce(world, { served: true });
    world.clock.advance(1_999);
    const answer = world.client.request('early');
    expect(asked(old)).toEqual(['early']);
    old.receive({ type: 'response', id: '1', payload: 'done' });
    expect(await answer).toBe('done');
    world.clock.advance(1);
    await settle();
    void outcome(world.client.request('late'));
    expect(asked(old)).toEqual(['early']);
    const next = world.socket;
    next.open();
    next.receive(connectedFrame);
    expect(next.frames('request')).toEqual([{ type: 'request', id: '2', event: 'late' }]);
  });

  it('gets no new request from the moment of the move on, while answers are due', async () => {
    const world = await connectedWorld();
    const old = announce(world, { served: true });
    const answer = world.client.request('slow');
    world.clock.advance(2_000);
    void outcome(world.client.request('late'));
    expect(asked(old)).toEqual(['slow']);
    old.receive({ type: 'response', id: '1', payload: 'done' });
    expect(await answer).toBe('done');
    const next = await world.accept();
    expect(asked(next)).toEqual(['late']);
  });

  it('is asked again elsewhere, under the same ids, for what it served and did not answer in time', async () => {
    const world = await connectedWorld();
    announce(world, { served: true });
    const answers = ['kept', 'once'].map((event) => outcome(world.client.request(event)));
    world.clock.advance(7_000);
    await settle();
    const next = await world.accept();
    expect(next.frames('request')).toEqual([
      { type: 'request', id: '1', event: 'kept', retry: true },
      { type: 'request', id: '2', event: 'once', retry: true },
    ]);
    next.receive({ type: 'response', id: '1', payload: 'done' });
    next.receive({ type: 'error', id: '2', code: 'not-idempotent', message: '', retryable: false });
    expect(await Promise.all(answers)).toMatchObject(['done', { code: 'connection-lost' }]);
  });

  it.each([
    ['refuses one', { type: 'error', id: '1', code: 'unavailable', message: '', retryable: true }],
    ['says it again', { type: 'going-away', afterMs: 0, windowMs: 2_000 }],
  ] as const)('gets no more requests once it %s, though it served on', async (_, frame) => {
    const world = await connectedWorld();
    const old = announce(world, { served: true });
    void outcome(world.client.request('a'));
    old.receive(frame);
    for (const event of ['b', 'c']) void outcome(world.client.request(event));
    expect(asked(old)).toEqual(['a']);
    if (frame.type === 'going-away') old.receive({ type: 'response', id: '1', payload: 'done' });
    const next = await openNext(world);
    next.receive(connectedFrame);
    const expected = frame.type === 'error' ? ['a', 'b', 'c'] : ['b', 'c'];
    expect(asked(next)).toEqual(expected);
    expect(next.frames('request').map(({ retry }) => retry)).toEqual(expected.map(() => undefined));
    expect(world.sockets).toHaveLength(2);
  });

  it('gets no new requests while the next cannot be reached, though it served on', async () => {
    const world = await connectedWorld();
    const old = announce(world, { served: true });
    (await openNext(world)).drop();
    void outcome(world.client.request('late'));
    world.clock.advance(1_500);
    await settle();
    const next = await world.accept();
    expect([asked(old), asked(next)]).toEqual([[], ['late']]);
  });

  it('leaves nothing behind: the next connection is asked at once', async () => {
    const world = await connectedWorld();
    announce(world, { served: true });
    const next = await openNext(world);
    next.receive(connectedFrame);
    void outcome(world.client.request('a'));
    expect(asked(next)).toEqual(['a']);
    announce(world, { served: true });
    void outcome(world.client.request('b'));
    expect(asked(next)).toEqual(['a', 'b']);
  });

  it('gets no new request where it does not say that it serves on; those wait for the next, in order', async () => {
    const world = await connectedWorld();
    const old = announce(world);
    for (const event of ['a', 'b']) void outcome(world.client.request(event));
    expect(old.frames('request')).toEqual([]);
    const next = await openNext(world);
    next.receive(connectedFrame);
    expect(next.frames('request').map(({ event }) => event)).toEqual(['a', 'b']);
    expect(next.frames('request').map(({ retry }) => retry)).toEqual([undefined, undefined]);
  });

  it('still takes publishes, and what belongs to rooms', async () => {
    const { world, room } = await subscribedRoom();
    const old = announce(world);
    void outcome(room.publish('chat.message', 1));
    void outcome(history(world.client, NAME));
    world.client.room('chat/other').on('chat.message', () => undefined);
    expect(old.sent.slice(1).map(({ type }) => type)).toEqual(['publish', 'history', 'subscribe']);
  });

  it('may refuse what was on its way: the next is asked', async () => {
    const world = await connectedWorld();
    const answer = world.client.request('late');
    const old = announce(world);
    old.receive({ type: 'error', id: '1', code: 'unavailable', message: '', retryable: true });
    const next = await openNext(world);
    next.receive(connectedFrame);
    expect(next.last('request')).toEqual({ type: 'request', id: '1', event: 'late' });
    next.receive({ type: 'response', id: '1', payload: 'done' });
    expect(await answer).toBe('done');
  });

  it.each([4409, 1001, 1006])(
    'may close with %d once it was left, before the next has answered',
    async (code) => {
      const { world, log } = await subscribedRoom();
      const old = announce(world);
      const next = await openNext(world);
      old.drop(code);
      expect(world.client.state).toBe('connecting');
      next.receive(connectedFrame);
      next.receive(subscribed(4, { recovered: true, replayed: 1 }));
      next.receive(message(4));
      expect(world.client.state).toBe('connected');
      expect(log.at(-1)).toBe(4);
      expect(next.frames('subscribe')).toEqual([]);
      expect(world.sockets).toHaveLength(2);
    },
  );

  it('may close before the next is open', async () => {
    const { world, log } = await subscribedRoom();
    const old = announce(world);
    world.clock.advance(2_000);
    await settle();
    old.drop(1001);
    expect(world.client.state).toBe('connecting');
    expect(log.at(-1)).toBe('subscribing');
    const next = await world.accept();
    expect(next.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 3 }]);
    next.receive(subscribed(3, { recovered: true }));
    expect(log.slice(-2)).toEqual(['subscribed true', 'recovered 3+0']);
  });

  it('ends the client all the same when it says so', async () => {
    const world = await connectedWorld();
    const old = announce(world);
    const next = await openNext(world);
    old.drop(4300);
    expect(world.client.state).toBe('closed');
    expect(next.closedWith).toBeDefined();
  });

  it('serves on while the next cannot be reached, which is tried again with growing delays', async () => {
    const { world, log } = await subscribedRoom();
    const old = announce(world);
    const first = await openNext(world);
    first.drop();
    expect(world.client.state).toBe('connected');
    old.receive(message(4));
    world.clock.advance(1_500);
    await settle();
    expect(world.sockets).toHaveLength(3);
    const next = await world.accept();
    next.receive(subscribed(4, { recovered: true }));
    expect(old.closedWith?.code).toBe(4409);
    expect(log.filter((entry) => typeof entry === 'number')).toEqual([4]);
  });

  it('is lost like any other when it ends while the next cannot be reached', async () => {
    const { world, log } = await subscribedRoom();
    const old = announce(world);
    (await openNext(world)).drop();
    old.drop(1001);
    expect(world.lastChange).toMatchObject({ state: 'waiting', code: 1001 });
    expect(log.at(-1)).toBe('subscribing');
    const next = await world.reconnect();
    expect(next.last('hello').rooms).toEqual([{ room: NAME, epoch: 'e1', offset: 3 }]);
  });

  it('is asked on while a stream has 5 s to end, and left when it has', async () => {
    const world = await connectedWorld();
    const items = stream(world.client, 'answer')[Symbol.asyncIterator]();
    const item = items.next();
    const old = announce(world, { served: true });
    world.clock.advance(2_000);
    const answer = world.client.request('late');
    expect(asked(old)).toEqual(['answer', 'late']);
    old.receive({ type: 'response', id: '2', payload: 'done' });
    old.receive({ type: 'next', id: '1', payload: 'a' });
    world.clock.advance(4_999);
    expect([await answer, world.sockets.length]).toEqual(['done', 1]);
    old.receive({ type: 'complete', id: '1' });
    expect([await item, await items.next()]).toMatchObject([{ value: 'a' }, { done: true }]);
    expect(world.sockets).toHaveLength(2);
    void outcome(world.client.request('new'));
    expect(asked(await world.accept())).toEqual(['new']);
  });

  it('is left after 5 s with a stream that lasts, and nobody waited for that', async () => {
    const world = await connectedWorld();
    const item = outcome(stream(world.client, 'feed')[Symbol.asyncIterator]().next());
    const old = announce(world, { served: true });
    for (let second = 0; second < 7; second += 1) {
      void outcome(world.client.request('poll'));
      expect(old.frames('request')).toHaveLength(second + 2);
      old.receive({ type: 'response', id: String(second + 2) });
      world.clock.advance(1_000);
    }
    expect(world.sockets).toHaveLength(2);
    expect(asked(await world.accept())).toEqual([]);
    expect(await item).toMatchObject({ code: 'connection-lost' });
  });

  it('has 5 s after the streams for other answers, and gets no new request meanwhile', async () => {
    const world = await connectedWorld();
    void outcome(stream(world.client, 'feed')[Symbol.asyncIterator]().next());
    const old = announce(world, { served: true });
    world.clock.advance(6_999);
    const answer = world.client.request('slow');
    world.clock.advance(1);
    void outcome(world.client.request('late'));
    expect(asked(old)).toEqual(['feed', 'slow']);
    world.clock.advance(4_999);
    expect(world.sockets).toHaveLength(1);
    old.receive({ type: 'response', id: '2', payload: 'done' });
    expect([await answer, world.sockets.length]).toEqual(['done', 2]);
    expect(asked(await world.accept())).toEqual(['late']);
  });

  it.each([
    [
      'refuses a request',
      [{ type: 'error', id: '2', code: 'unavailable', message: '', retryable: true }],
    ],
    [
      'says again that it goes, and has answered',
      [
        { type: 'going-away', afterMs: 0, windowMs: 2_000 },
        { type: 'response', id: '2', payload: 'done' },
      ],
    ],
  ] as const)('has no more time for streams once it %s', async (_, frames) => {
    const world = await connectedWorld();
    const item = outcome(stream(world.client, 'feed')[Symbol.asyncIterator]().next());
    const old = announce(world, { served: true });
    world.clock.advance(2_000);
    const answer = world.client.request('late');
    for (const frame of frames) {
      expect(world.sockets).toHaveLength(1);
      old.receive(frame);
    }
    expect(world.sockets).toHaveLength(2);
    // One that was refused is asked again here.
    (await world.accept()).receive({ type: 'response', id: '2', payload: 'done' });
    expect(await answer).toBe('done');
    expect(await item).toMatchObject({ code: 'connection-lost' });
  });

  it('has no time for streams where it does not serve on: new requests would wait for them', async () => {
    const world = await connectedWorld();
    const item = outcome(stream(world.client, 'feed')[Symbol.asyncIterator]().next());
    announce(world);
    void outcome(world.client.request('late'));
    const next = await openNext(world);
    next.receive(connectedFrame);
    expect(asked(next)).toEqual(['late']);
    expect(await item).toMatchObject({ code: 'connection-lost' });
  });

  it('delivers streams until the next one has let the client in', async () => {
    const world = await connectedWorld();
    const items = stream(world.client, 'count')[Symbol.asyncIterator]();
    const item = items.next();
    const old = announce(world);
    const next = await openNext(world);
    old.receive({ type: 'next', id: '1', payload: 1 });
    expect(await item).toMatchObject({ value: 1 });
    next.receive(connectedFrame);
    expect(await outcome(items.next())).toMatchObject({ code: 'connection-lost' });
  });

  it('does not move a client that is closed meanwhile', async () => {
    const world = await connectedWorld();
    const old = announce(world);
    const next = await openNext(world);
    world.client.close();
    expect([old.closedWith?.code, next.closedWith?.code]).toEqual([1000, 1000]);
    expect(world.clock.pending).toBe(0);
  });

  it('takes back rooms that only it knew of', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const log = record(room);
    room.unsubscribe();
    await settle();
    log.length = 0;
    world.socket.receive({ type: 'unsubscribed', id: '2', room: NAME });
    const other = world.client.room('chat/invited');
    world.socket.receive({ type: 'subscribed', room: 'chat/invited', epoch: 'e1', offset: 0 });
    expect(other.state).toBe('subscribed');
    announce(world);
    (await openNext(world)).receive(connectedFrame);
    expect(other.state).toBe('unsubscribed');
  });

  it('has its members watched and told anew, without anybody coming or going', async () => {
    const { world, room } = await subscribedRoom();
    const seen: unknown[] = [];
    room.presence.watch((state, change) => seen.push([state.total, change.joined.length]));
    const members = [{ userId: 'ada', connections: [] }];
    const { id } = world.socket.last('presence');
    const known = { type: 'presence', room: NAME, total: 1, members } as const;
    world.socket.receive({ ...known, id });
    announce(world);
    const next = await openNext(world);
    next.receive(connectedFrame);
    next.receive(subscribed(3, { recovered: true }));
    next.receive({ ...known, id: next.last('presence').id });
    await settle();
    expect(seen).toEqual([[1, 1]]);
  });

  it('is asked about a room by the hello alone, and about those that came later once connected', async () => {
    const { world } = await subscribedRoom();
    announce(world);
    const next = await openNext(world);
    world.client.room('chat/late').on('chat.message', () => undefined);
    next.receive(connectedFrame);
    expect(next.frames('subscribe').map(({ room }) => room)).toEqual(['chat/late']);
  });

  it('takes questions about rooms with it: the next connection is asked again', async () => {
    const world = await connectedWorld();
    const names = Array.from({ length: 1_001 }, (_, index) => `chat/${String(index)}`);
    for (const name of names) void world.client.room(name).subscribe();
    announce(world);
    const next = await openNext(world);
    next.receive(connectedFrame);
    // A hello has room for a thousand.
    expect(next.last('hello').rooms).toHaveLength(1_000);
    expect(next.frames('subscribe').map(({ room }) => room)).toEqual(['chat/1000']);
  });

  it('does not keep the next from inviting to a room that was just left', async () => {
    const { world, room } = await subscribedRoom();
    announce(world);
    world.clock.advance(2_000);
    await settle();
    room.unsubscribe();
    world.socket.open();
    world.socket.receive(connectedFrame);
    world.socket.receive(subscribed(7));
    expect(room.state).toBe('subscribed');
  });

  it('takes its name and its own requests with it when it closes before the next has answered', async () => {
    const world = await connectedWorld();
    const signals: AbortSignal[] = [];
    handle(world.client, 'ask', (_payload, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    world.socket.receive({ type: 'request', id: 'q1', event: 'ask' });
    const old = announce(world);
    const next = await openNext(world);
    old.drop(1001);
    expect([world.client.state, world.client.connectionId]).toEqual(['connecting', undefined]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    next.receive({ ...connectedFrame, connectionId: 'c-2' });
    expect(world.client.connectionId).toBe('c-2');
  });

  it('is followed by one with a shorter stream only with a gap', async () => {
    const { world, log } = await subscribedRoom();
    announce(world);
    const next = await openNext(world);
    next.receive(connectedFrame);
    next.receive(subscribed(1, { recovered: false, reason: 'position-unknown' }));
    for (const offset of [2, 3]) next.receive(message(offset));
    expect(log.slice(2)).toEqual(['gap position-unknown 1', 2, 3]);
  });

  it('may have told more than the next knew when it was asked', async () => {
    const { world, log } = await subscribedRoom();
    const old = announce(world);
    const next = await openNext(world);
    for (const offset of [4, 5]) old.receive(message(offset));
    next.receive(connectedFrame);
    next.receive(subscribed(4, { recovered: true, replayed: 1 }));
    for (const offset of [4, 5, 6]) next.receive(message(offset));
    expect(log.slice(2)).toEqual([4, 5, 'recovered 5+1', 6]);
  });

  it('does not count for the connection after the next', async () => {
    const world = await connectedWorld();
    announce(world);
    const next = await openNext(world);
    next.receive(connectedFrame);
    world.clock.advance(10_000);
    next.drop();
    expect(world.lastChange.delayMs).toBe(1_500);
  });
});
