import { describe, expect, it } from '@jest/globals';
import { settle } from './support/fake-clock.js';
import { connectedWorld, outcome, World } from './support/world.js';

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
    for (let n = 0; n < 4; n += 1) void outcome(world.client.request('a', large));
    const full = { code: 'send-buffer-full' };
    expect(await outcome(world.client.request('a', large))).toMatchObject(full);
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

  it('never uses an id twice and ignores answers to ids that it does not know', async () => {
    const world = await connectedWorld();
    void outcome(world.client.request('a'));
    world.socket.receive({ type: 'response', id: '1' });
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

  it('lets go of the signal with the answer: it may live as long as the page', async () => {
    const world = await connectedWorld();
    const { signal } = new AbortController();
    let listening = 0;
    signal.addEventListener = () => (listening += 1);
    signal.removeEventListener = () => (listening -= 1);
    const answer = world.client.request('a', 1, { signal });
    expect(listening).toBe(1);
    world.socket.receive({ type: 'response', id: '1', payload: 1 });
    await answer;
    expect(listening).toBe(0);
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

  it('resolves without a position for a message that is not stored', async () => {
    const world = await connectedWorld();
    const receipt = world.client.room('chat/general').publish('typing');
    world.socket.receive({ type: 'published', id: '1', durability: 'none' });
    expect(await receipt).toEqual({ durability: 'none' });
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
