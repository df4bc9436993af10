import { describe, expect, it } from '@jest/globals';
import { history, stream } from '../../lib/client/index.js';
import { refusal } from './support/rooms.js';
import { connectedWorld, outcome, World } from './support/world.js';

const NAME = 'chat/general';

describe('calls whose connection breaks before the answer', () => {
  it('are sent again in the order of their ids, before new ones, and get their answers', async () => {
    const world = await connectedWorld();
    const asked = world.client.request('sent', { n: 1 });
    const published = world.client.room(NAME).publish('said', 'x');
    const read = history(world.client, NAME);
    world.socket.drop();
    const waiting = world.client.request('waiting');
    await world.reconnect();
    void outcome(world.client.request('new'));
    expect(world.socket.sent.slice(1)).toEqual([
      { type: 'request', id: '1', event: 'sent', payload: { n: 1 }, retry: true },
      { type: 'publish', id: '2', room: NAME, event: 'said', payload: 'x' },
      { type: 'history', id: '3', room: NAME },
      { type: 'request', id: '4', event: 'waiting' },
      { type: 'request', id: '5', event: 'new' },
    ]);
    world.socket.receive({ type: 'response', id: '4', payload: 'd' });
    world.socket.receive({
      type: 'published',
      id: '2',
      epoch: 'e',
      offset: 7,
      durability: 'memory',
    });
    world.socket.receive({ type: 'response', id: '1', payload: 'a' });
    const page = { epoch: 'e', offset: 7, messages: [], complete: true };
    world.socket.receive({ type: 'history', id: '3', room: NAME, ...page });
    expect(await asked).toBe('a');
    expect(await published).toEqual({ epoch: 'e', offset: 7, durability: 'memory' });
    expect(await read).toMatchObject({ complete: true });
    expect(await waiting).toBe('d');
  });

  it('are sent on every connection until one brings the answer', async () => {
    const world = await connectedWorld();
    const asked = world.client.request('a', undefined, { timeoutMs: 60_000 });
    for (let connection = 0; connection < 3; connection += 1) {
      world.socket.drop();
      await world.reconnect();
      expect(world.socket.frames('request')).toEqual([
        { type: 'request', id: '1', event: 'a', retry: true },
      ]);
    }
    world.socket.receive({ type: 'response', id: '1', payload: 1 });
    expect(await asked).toBe(1);
  });

  it('are lost when the handler may not run twice', async () => {
    const world = await connectedWorld();
    const asked = outcome(world.client.request('pay'));
    world.socket.drop();
    await world.reconnect();
    world.socket.receive(refusal('1', 'not-idempotent'));
    expect(await asked).toMatchObject({ code: 'connection-lost', retryable: false });
  });

  it('keep their own time limit', async () => {
    const world = await connectedWorld();
    const asked = outcome(world.client.request('a', undefined, { timeoutMs: 5_000 }));
    world.socket.drop();
    world.clock.advance(4_000);
    await world.accept();
    expect(world.socket.frames('request')).toHaveLength(1);
    world.clock.advance(1_000);
    expect(await asked).toMatchObject({ code: 'timeout', retryable: false });
    expect(world.socket.last('cancel').id).toBe('1');
  });

  it('are not sent again when they were given up meanwhile', async () => {
    const world = await connectedWorld();
    const controller = new AbortController();
    const asked = outcome(world.client.request('a', undefined, { signal: controller.signal }));
    world.socket.drop();
    controller.abort();
    expect(await asked).toMatchObject({ code: 'cancelled' });
    await world.reconnect();
    expect(world.socket.sent).toHaveLength(1);
  });

  it.each(['clock', 'date'])(
    'are lost when the server may have forgotten them, by its %s',
    async (by) => {
      let date = 0;
      const world = await connectedWorld({}, { date: () => date });
      const asked = outcome(world.client.request('a', undefined, { timeoutMs: 600_000 }));
      const published = outcome(world.client.room(NAME).publish('b', 1, { timeoutMs: 600_000 }));
      world.socket.drop();
      // A machine that sleeps: one of the clocks may stand still.
      if (by === 'date') date += 120_000;
      else world.clock.sleep(120_000);
      await world.reconnect();
      expect(world.socket.sent).toHaveLength(1);
      expect(await asked).toMatchObject({ code: 'connection-lost', retryable: false });
      expect(await published).toMatchObject({ code: 'connection-lost' });
    },
  );

  it('are lost when the server has done 1,000 others since', async () => {
    const world = await connectedWorld();
    const first = outcome(world.client.request('slow'));
    const second = outcome(world.client.request('slow'));
    for (let n = 3; n <= 1_001; n += 1) {
      void world.client.request('quick');
      world.socket.receive({ type: 'response', id: String(n) });
    }
    world.socket.drop();
    await world.reconnect();
    expect(await first).toMatchObject({ code: 'connection-lost' });
    expect(world.socket.frames('request').map(({ id }) => id)).toEqual(['2']);
    world.socket.receive({ type: 'response', id: '2', payload: 'done' });
    expect(await second).toBe('done');
  });

  it('are lost when they were sent too long ago for the first time', async () => {
    const world = await connectedWorld({ reconnect: { maxDelayMs: 1_000 } });
    const asked = outcome(world.client.request('a', undefined, { timeoutMs: 600_000 }));
    for (const afterMs of [100_000, 30_000]) {
      world.clock.sleep(afterMs);
      world.socket.drop();
      await world.reconnect();
    }
    expect(await asked).toMatchObject({ code: 'connection-lost' });
  });

  it('are lost when the next server takes no frame as long', async () => {
    const world = await connectedWorld();
    const asked = outcome(world.client.request('a', 'x'.repeat(300)));
    world.socket.drop();
    world.clock.advance(world.lastChange.delayMs ?? 0);
    await world.accept({ limits: { frameBytes: 200, rooms: 1 } });
    expect(await asked).toMatchObject({ code: 'connection-lost' });
  });

  it('end at once as streams, and wait on as streams that were not sent', async () => {
    const world = new World();
    const unsent = stream(world.client, 'later')[Symbol.asyncIterator]().next();
    await world.accept();
    const sent = outcome(stream(world.client, 'now')[Symbol.asyncIterator]().next());
    world.socket.receive({ type: 'next', id: '1', payload: 'first' });
    expect(await unsent).toEqual({ done: false, value: 'first' });
    world.socket.drop();
    expect(await sent).toMatchObject({ code: 'connection-lost', retryable: false });
    await world.reconnect();
    expect(world.socket.frames('request')).toEqual([]);
  });

  it('settle when the client is closed between two connections', async () => {
    const world = await connectedWorld();
    const asked = outcome(world.client.request('a'));
    world.socket.drop();
    world.client.close();
    expect(await asked).toMatchObject({ code: 'closed' });
    expect(world.clock.pending).toBe(0);
  });

  it('leave room for 100 others to wait, and are bounded by their size', async () => {
    const world = await connectedWorld();
    for (let n = 0; n < 500; n += 1) void outcome(world.client.request('sent'));
    world.socket.drop();
    for (let n = 0; n < 100; n += 1) void outcome(world.client.request('waiting'));
    const full = { code: 'send-buffer-full', retryable: true };
    expect(await outcome(world.client.request('a'))).toMatchObject(full);
    await world.reconnect();
    expect(world.socket.frames('request')).toHaveLength(600);
    const other = await connectedWorld();
    const large = 'x'.repeat(1_000_000);
    for (let n = 0; n < 17; n += 1) void outcome(other.client.request('a', large));
    expect(await outcome(other.client.request('a'))).toMatchObject(full);
    for (let n = 1; n <= 17; n += 1) other.socket.receive({ type: 'response', id: String(n) });
    void outcome(other.client.request('fits'));
    expect(other.socket.last('request').event).toBe('fits');
  });
});
