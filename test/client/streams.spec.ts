import { describe, expect, it } from '@jest/globals';
import { stream } from '../../lib/client/index.js';
import { settle } from './support/fake-clock.js';
import { connectedWorld, outcome, World } from './support/world.js';

describe('streams', () => {
  async function read(items: AsyncIterable<unknown>, into: unknown[]): Promise<void> {
    for await (const item of items) into.push(item);
  }

  it('sends nothing until a loop begins, and a request for each loop', async () => {
    const world = await connectedWorld();
    const items = stream(world.client, 'count', { to: 2 });
    expect(world.socket.frames('request')).toHaveLength(0);
    void outcome(read(items, []));
    void outcome(read(items, []));
    expect(world.socket.frames('request').map(({ payload }) => payload)).toEqual([
      { to: 2 },
      { to: 2 },
    ]);
  });

  it('gives the items in order and ends with complete', async () => {
    const world = await connectedWorld();
    const items: unknown[] = [];
    const loop = read(stream(world.client, 'count'), items);
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
    const iterator = stream(world.client, 'count')[Symbol.asyncIterator]();
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    world.socket.drop();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    await expect(iterator.next()).rejects.toMatchObject({ code: 'connection-lost' });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('cancels when the loop is left', async () => {
    const world = await connectedWorld();
    const loop = (async () => {
      for await (const item of stream(world.client, 'count')) return item;
      return undefined;
    })();
    world.socket.receive({ type: 'next', id: '1', payload: 'first' });
    expect(await loop).toBe('first');
    expect(world.socket.frames('cancel')).toEqual([{ type: 'cancel', id: '1' }]);
  });

  it('ends readers that wait when it is left', async () => {
    const world = await connectedWorld();
    const iterator = stream(world.client, 'count')[Symbol.asyncIterator]();
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
    const iterator = stream(world.client, 'count')[Symbol.asyncIterator]();
    const waiting = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    world.socket.receive({ type: 'next', id: '1', payload: 1 });
    world.socket.receive({ type: 'next', id: '1', payload: 2 });
    world.socket.receive({ type: 'complete', id: '1' });
    expect((await waiting).map(({ value }) => value as unknown)).toEqual([1, 2, undefined]);
  });

  it('gives the server as much credit as it reads, when half of it was used', async () => {
    const world = await connectedWorld();
    const iterator = stream(world.client, 'count', {}, { credit: 4 })[Symbol.asyncIterator]();
    expect(world.socket.last('request')).toMatchObject({ event: 'count', credit: 4 });
    for (let n = 0; n < 4; n += 1) world.socket.receive({ type: 'next', id: '1', payload: n });
    expect(world.socket.frames('credit')).toEqual([]);
    await iterator.next();
    expect(world.socket.frames('credit')).toEqual([]);
    await iterator.next();
    expect(world.socket.frames('credit')).toEqual([{ type: 'credit', id: '1', count: 2 }]);
    await iterator.next();
    world.socket.receive({ type: 'complete', id: '1' });
    await iterator.next();
    expect(world.socket.frames('credit')).toHaveLength(1);
  });

  it('asks for 64 items unless told otherwise, and gives no credit to what has ended', async () => {
    const world = await connectedWorld();
    const iterator = stream(world.client, 'count')[Symbol.asyncIterator]();
    expect(world.socket.last('request').credit).toBe(64);
    for (let n = 0; n < 64; n += 1) world.socket.receive({ type: 'next', id: '1', payload: n });
    world.socket.drop();
    for (let n = 0; n < 64; n += 1) await iterator.next();
    await world.reconnect();
    expect(world.socket.frames('credit')).toEqual([]);
  });

  it('cancels and fails when a server that knows no credit sends 1,000 items ahead', async () => {
    const world = await connectedWorld();
    const iterator = stream(world.client, 'flood')[Symbol.asyncIterator]();
    for (let n = 0; n <= 1_000; n += 1) world.socket.receive({ type: 'next', id: '1', payload: n });
    expect(world.socket.last('cancel').id).toBe('1');
    for (let n = 0; n < 1_000; n += 1) expect((await iterator.next()).value).toBe(n);
    await expect(iterator.next()).rejects.toMatchObject({ code: 'stream-overflow' });
  });

  it('takes a single response for a stream of one, an acknowledgement for an empty one', async () => {
    const world = await connectedWorld();
    const one: unknown[] = [];
    const none: unknown[] = [];
    const loops = [read(stream(world.client, 'a'), one), read(stream(world.client, 'b'), none)];
    world.socket.receive({ type: 'response', id: '1', payload: null });
    world.socket.receive({ type: 'response', id: '2' });
    await Promise.all(loops);
    expect(one).toEqual([null]);
    expect(none).toEqual([]);
  });

  it('has no time limit, and ends with the signal', async () => {
    const world = await connectedWorld();
    const controller = new AbortController();
    const loop = outcome(read(stream(world.client, 'a', {}, { signal: controller.signal }), []));
    world.clock.advance(20_000);
    controller.abort();
    expect(await loop).toMatchObject({ code: 'cancelled' });
    expect(world.socket.frames('cancel')).toHaveLength(1);
  });

  it('settles when the client is closed', async () => {
    const world = new World();
    const loop = outcome(read(stream(world.client, 'a'), []));
    world.client.close();
    expect(await loop).toMatchObject({ code: 'closed' });
  });
});
