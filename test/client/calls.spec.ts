import { describe, expect, it } from '@jest/globals';
import { connectedWorld, outcome, World } from './support/world.js';
import { settle } from './support/fake-clock.js';

describe('requests', () => {
  it('resolves with the payload of the response with its id', async () => {
    const world = await connectedWorld();
    const first = world.client.request('echo', { text: 'hi' });
    const second = world.client.request('nothing');
    const [a, b] = world.socket.frames('request');
    expect(a).toEqual({ type: 'request', id: '1', event: 'echo', payload: { text: 'hi' } });
    expect(b).toEqual({ type: 'request', id: '2', event: 'nothing' });
    world.socket.receive({ type: 'response', id: '2' });
    world.socket.receive({ type: 'response', id: '1', payload: [1, null] });
    expect(await first).toEqual([1, null]);
    expect(await second).toBeUndefined();
    expect(world.clock.pending).toBe(1);
  });

  it('rejects with everything that the error frame says', async () => {
    const world = await connectedWorld();
    const request = world.client.request('a');
    world.socket.receive({
      type: 'error',
      id: '1',
      code: 'rate-limited',
      message: 'Slow down.',
      retryable: true,
      retryAfterMs: 250,
      details: { limit: 5 },
    });
    await expect(request).rejects.toMatchObject({
      name: 'RealtimeClientError',
      code: 'rate-limited',
      message: 'Slow down.',
      retryable: true,
      retryAfterMs: 250,
      details: { limit: 5 },
    });
  });

  it('keeps the order of requests that waited for the connection', async () => {
    const world = new World();
    void outcome(world.client.request('a'));
    void outcome(world.client.room('chat/general').publish('b'));
    world.client.on('state', ({ state }) => {
      if (state === 'connected') void outcome(world.client.request('c'));
    });
    await world.accept();
    const events = world.socket.sent.flatMap((frame) => ('event' in frame ? [frame.event] : []));
    expect(events).toEqual(['a', 'b', 'c']);
  });

  it('snapshots the payload when it is called', async () => {
    const world = new World();
    const payload = { text: 'before' };
    void outcome(world.client.request('a', payload));
    payload.text = 'after';
    await world.accept();
    expect(world.socket.last('request').payload).toEqual({ text: 'before' });
  });

  it('refuses the 101st request that waits for a connection', async () => {
    const world = new World();
    for (let n = 0; n < 100; n += 1) void outcome(world.client.request('a'));
    expect(await outcome(world.client.request('a'))).toMatchObject({
      code: 'send-buffer-full',
      retryable: true,
    });
    await world.accept();
    expect(world.socket.frames('request')).toHaveLength(100);
  });

  it('bounds what waits by its size as well, waiting or in the socket', async () => {
    const world = new World();
    const large = 'x'.repeat(1_000_000);
    for (let n = 0; n < 5; n += 1) void outcome(world.client.request('a', large));
    const full = { code: 'send-buffer-full' };
    expect(await outcome(world.client.request('a'))).toMatchObject(full);
    const connected = await connectedWorld();
    connected.socket.bufferedAmount = 5_000_000;
    expect(await outcome(connected.client.request('a'))).toMatchObject(full);
  });

  it('refuses the 1,001st request that waits for its answer', async () => {
    const world = await connectedWorld();
    for (let n = 0; n < 1_000; n += 1) void outcome(world.client.request('a'));
    const failure = await outcome(world.client.request('a'));
    expect(failure).toMatchObject({ code: 'send-buffer-full' });
  });

  it('fails what was sent when the connection breaks, and keeps what was not', async () => {
    const world = await connectedWorld();
    const sent = outcome(world.client.request('sent'));
    world.socket.drop();
    expect(await sent).toMatchObject({ code: 'connection-lost', retryable: false });
    const waiting = world.client.request('waiting');
    await world.reconnect();
    expect(world.socket.frames('request').map(({ event }) => event)).toEqual(['waiting']);
    world.socket.receive({ type: 'response', id: world.socket.last('request').id, payload: 1 });
    expect(await waiting).toBe(1);
  });

  it('never uses an id twice and ignores answers to ids that it does not know', async () => {
    const world = await connectedWorld();
    void outcome(world.client.request('a'));
    world.socket.drop();
    await world.reconnect();
    void outcome(world.client.request('a'));
    expect(world.socket.last('request').id).toBe('2');
    world.socket.receive({ type: 'response', id: '1', payload: 'late' });
    world.socket.receive({ type: 'response', id: '99' });
    world.socket.receive({
      type: 'error',
      id: '1',
      code: 'internal',
      message: '',
      retryable: false,
    });
    expect(world.client.state).toBe('connected');
    expect(world.reported).toEqual([]);
  });

  it('times out, tells the server, and says whether it was ever sent', async () => {
    const world = new World({ connectTimeoutMs: 60_000 });
    const unsent = outcome(world.client.request('a', undefined, { timeoutMs: 500 }));
    await settle();
    world.clock.advance(500);
    expect(await unsent).toMatchObject({ code: 'timeout', retryable: true });
    await world.accept();
    const sent = outcome(world.client.request('b'));
    const publish = outcome(world.client.room('r').publish('c'));
    world.clock.advance(10_000);
    expect(await sent).toMatchObject({ code: 'timeout', retryable: false });
    expect(await publish).toMatchObject({ code: 'timeout' });
    expect(world.socket.frames('cancel').map(({ id }) => id)).toEqual(['2']);
    world.socket.receive({ type: 'response', id: '2' });
  });

  it('cancels when the signal aborts', async () => {
    const world = await connectedWorld();
    const controller = new AbortController();
    const { signal } = controller;
    const request = outcome(world.client.request('a', undefined, { signal }));
    const cause = new Error('changed my mind');
    controller.abort(cause);
    expect(await request).toMatchObject({ code: 'cancelled', cause });
    expect(world.socket.last('cancel').id).toBe('1');
    expect(await outcome(world.client.request('b', undefined, { signal }))).toMatchObject({
      code: 'cancelled',
    });
    expect(world.socket.frames('request')).toHaveLength(1);
    expect(world.clock.pending).toBe(1);
  });

  it('refuses a payload without JSON text and one that the server would not take', async () => {
    const world = new World();
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(await outcome(world.client.request('a', cycle))).toMatchObject({
      code: 'invalid-payload',
      cause: expect.any(TypeError),
    });
    const early = outcome(world.client.request('early', 'ä'.repeat(100)));
    await world.accept({ limits: { frameBytes: 200, rooms: 1 } });
    expect(await early).toMatchObject({ code: 'payload-too-large', retryable: false });
    const late = outcome(world.client.request('late', 'x'.repeat(200)));
    expect(await late).toMatchObject({ code: 'payload-too-large' });
    void outcome(world.client.request('fits', 'x'.repeat(100)));
    expect(world.socket.frames('request').map(({ event }) => event)).toEqual(['fits']);
  });

  it('says so when the handler answers with a stream, and stops it', async () => {
    const world = await connectedWorld();
    const request = outcome(world.client.request('count'));
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    expect(await request).toMatchObject({ code: 'unexpected-stream' });
    expect(world.socket.last('cancel').id).toBe('1');
  });
});

describe('streams', () => {
  async function read(items: AsyncIterable<unknown>, into: unknown[]): Promise<void> {
    for await (const item of items) into.push(item);
  }

  it('sends nothing until a loop begins, and a request for each loop', async () => {
    const world = await connectedWorld();
    const stream = world.client.stream('count', { to: 2 });
    expect(world.socket.frames('request')).toHaveLength(0);
    void outcome(read(stream, []));
    void outcome(read(stream, []));
    expect(world.socket.frames('request').map(({ payload }) => payload)).toEqual([
      { to: 2 },
      { to: 2 },
    ]);
  });

  it('gives the items in order and ends with complete', async () => {
    const world = await connectedWorld();
    const items: unknown[] = [];
    const loop = read(world.client.stream('count'), items);
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    world.socket.receive({ type: 'next', id: '1' });
    await settle();
    world.socket.receive({ type: 'next', id: '1', payload: 3 });
    world.socket.receive({ type: 'complete', id: '1' });
    await loop;
    expect(items).toEqual([1, undefined, 3]);
    expect(world.socket.frames('cancel')).toHaveLength(0);
  });

  it('gives the items that came before an error, then the error, then the end', async () => {
    const world = await connectedWorld();
    const iterator = world.client.stream('count')[Symbol.asyncIterator]();
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    world.socket.drop();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await expect(iterator.next()).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('cancels when the loop is left', async () => {
    const world = await connectedWorld();
    const loop = (async () => {
      for await (const item of world.client.stream('count')) return item;
      return undefined;
    })();
    world.socket.receive({ type: 'next', id: '1', payload: 'first' });
    expect(await loop).toBe('first');
    expect(world.socket.frames('cancel')).toEqual([{ type: 'cancel', id: '1' }]);
  });

  it('ends readers that wait when it is left', async () => {
    const world = await connectedWorld();
    const iterator = world.client.stream('count')[Symbol.asyncIterator]();
    const waiting = [iterator.next(), iterator.next()];
    await iterator.return?.();
    const end = { done: true, value: undefined };
    expect(await Promise.all(waiting)).toEqual([end, end]);
    expect(await iterator.next()).toEqual(end);
    await iterator.return?.();
    expect(world.socket.frames('cancel')).toHaveLength(1);
  });

  it('serves readers that wait in their order', async () => {
    const world = await connectedWorld();
    const iterator = world.client.stream('count')[Symbol.asyncIterator]();
    const waiting = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    world.socket.receive({ type: 'next', id: '1', payload: 2 });
    world.socket.receive({ type: 'complete', id: '1' });
    expect((await waiting).map(({ value }) => value as unknown)).toEqual([1, 2, undefined]);
  });

  it('cancels and fails when more than 1,000 items wait to be read', async () => {
    const world = await connectedWorld();
    const iterator = world.client.stream('flood')[Symbol.asyncIterator]();
    for (let n = 0; n <= 1_000; n += 1) world.socket.receive({ type: 'next', id: '1', payload: n });
    expect(world.socket.last('cancel').id).toBe('1');
    for (let n = 0; n < 1_000; n += 1) expect((await iterator.next()).value).toBe(n);
    await expect(iterator.next()).rejects.toMatchObject({ code: 'stream-overflow' });
  });

  it('takes a single response for a stream of one, an acknowledgement for an empty one', async () => {
    const world = await connectedWorld();
    const one: unknown[] = [];
    const none: unknown[] = [];
    const loops = [read(world.client.stream('a'), one), read(world.client.stream('b'), none)];
    world.socket.receive({ type: 'response', id: '1', payload: null });
    world.socket.receive({ type: 'response', id: '2' });
    await Promise.all(loops);
    expect(one).toEqual([null]);
    expect(none).toEqual([]);
  });

  it('has no time limit, and ends with the signal', async () => {
    const world = await connectedWorld();
    const controller = new AbortController();
    const loop = outcome(read(world.client.stream('a', {}, { signal: controller.signal }), []));
    world.clock.advance(20_000);
    controller.abort();
    expect(await loop).toMatchObject({ code: 'cancelled' });
    expect(world.socket.frames('cancel')).toHaveLength(1);
  });

  it('settles when the client is closed', async () => {
    const world = new World();
    const loop = outcome(read(world.client.stream('a'), []));
    world.client.close();
    expect(await loop).toMatchObject({ code: 'closed' });
  });
});

describe('publishing', () => {
  it('resolves with the position and what the acknowledgement survives', async () => {
    const world = await connectedWorld();
    const receipt = world.client.room('chat/general').publish('typing', { on: true });
    expect(world.socket.last('publish')).toEqual({
      type: 'publish',
      id: '1',
      room: 'chat/general',
      event: 'typing',
      payload: { on: true },
    });
    world.socket.receive({
      type: 'published',
      id: '1',
      epoch: 'e1',
      offset: 7,
      durability: 'memory',
    });
    expect(await receipt).toEqual({ epoch: 'e1', offset: 7, durability: 'memory' });
  });

  it('rejects with the refusal', async () => {
    const world = await connectedWorld();
    const receipt = outcome(world.client.room('chat/general').publish('typing'));
    world.socket.receive({
      type: 'error',
      id: '1',
      code: 'forbidden',
      message: 'No.',
      retryable: false,
    });
    expect(await receipt).toMatchObject({ code: 'forbidden' });
  });
});
