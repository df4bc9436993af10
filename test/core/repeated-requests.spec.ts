import { describe, expect, it } from '@jest/globals';

import { RealtimeError, StreamSource, type RequestContext } from '../../lib/core/index.js';
import { MemoryReplyStore, ReplyBook } from '../../lib/memory/index.js';
import { NodeWorld, type Peer, type WorldOptions } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

/** A world whose `pay` may be repeated, and what was run in it. */
async function payWorld(
  pay: (request: RequestContext) => Promise<unknown>,
  options: WorldOptions = {},
): Promise<{ world: NodeWorld; ran: string[] }> {
  const world = await NodeWorld.start(options);
  const ran: string[] = [];
  world.application.idempotent.add('pay');
  for (const event of ['pay', 'ask']) {
    world.application.handlers.set(event, (request) => {
      ran.push(request.id);
      return event === 'pay' ? pay(request) : Promise.resolve();
    });
  }
  return { world, ran };
}

/** A connection of a client instance. */
async function come(world: NodeWorld, user = 'ada', clientKey = 'key'): Promise<Peer> {
  const peer = world.meet();
  await peer.ask({ type: 'hello', token: `token-${user}`, clientKey });
  return peer;
}

const pay = (id: string, more: object = {}) => ({ type: 'request', id, event: 'pay', ...more });

describe('a request of an idempotent handler', () => {
  it('P4 takes effect once however many connections of a client repeat it', async () => {
    const gate = deferred<unknown>();
    const { world, ran } = await payWorld(() => gate.promise);
    const peers: Peer[] = [];
    for (let n = 0; n < 10; n += 1) {
      const peer = await come(world);
      peers.push(peer);
      await peer.ask(pay('7', n === 0 ? {} : { retry: true }));
      if (n % 2 === 0) peer.link.breakOff();
    }
    gate.resolve({ paid: 1.5, to: 'bob' });
    await turns(3);
    const answers = peers
      .filter(({ connection }) => connection.isLive)
      .map(({ link }) => link.received.at(-1));
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) {
      expect(answer).toBe('{"type":"response","id":"7","payload":{"paid":1.5,"to":"bob"}}');
    }
    const late = await come(world);
    expect(await late.ask(pay('7', { retry: true }))).toMatchObject([{ payload: { paid: 1.5 } }]);
    expect(ran).toEqual(['7']);
  });

  it('is another one for another user with the same key, another key, and another event', async () => {
    const { world, ran } = await payWorld(() => Promise.resolve());
    world.application.idempotent.add('ask');
    for (const [user, key] of [
      ['ada', 'key'],
      ['bob', 'key'],
      ['ada', 'other'],
    ]) {
      await (await come(world, user, key)).ask(pay('7'));
    }
    await (await come(world)).ask({ type: 'request', id: '7', event: 'ask' });
    expect(ran).toEqual(['7', '7', '7', '7']);
  });

  it('knows no other connection of a client that has no key', async () => {
    const { world, ran } = await payWorld(() => Promise.resolve());
    const peers = [await world.connect(), await world.connect()];
    for (const peer of [...peers, ...peers]) await peer.ask(pay('7'));
    expect(ran).toEqual(['7', '7']);
  });

  it('is not aborted when its connection breaks, but by a cancel on the next one', async () => {
    let signal: AbortSignal | undefined;
    const { world, ran } = await payWorld((request) => {
      ({ signal } = request);
      return new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      });
    });
    const first = await come(world);
    await first.ask(pay('7'));
    first.link.breakOff();
    await turn();
    expect(signal?.aborted).toBe(false);
    const second = await come(world);
    await second.ask(pay('7', { retry: true }));
    expect(await second.ask({ type: 'cancel', id: '7' })).toMatchObject([
      { type: 'error', id: '7', code: 'cancelled' },
    ]);
    expect([signal?.aborted, ran]).toEqual([true, ['7']]);
    expect(world.observer.failures).toEqual([]);
  });

  it('keeps the order of a pipelined batch of repeats, and of what comes behind them', async () => {
    const gates = new Map(['1', '2', '3', '4'].map((id) => [id, deferred<string>()]));
    const { world, ran } = await payWorld(({ id }) => gates.get(id)?.promise ?? Promise.resolve());
    const first = await come(world);
    first.say(pay('1'), pay('2'), pay('3'));
    await turn();
    expect(ran).toEqual(['1']);
    first.link.breakOff();
    const second = await come(world);
    second.say(...['1', '2', '3'].map((id) => pay(id, { retry: true })), pay('4'));
    await turn();
    expect(ran).toEqual(['1']);
    for (const id of ['4', '3', '2', '1']) gates.get(id)?.resolve(`paid ${id}`);
    await turns(3);
    expect(ran).toEqual(['1', '2', '3', '4']);
    expect(second.frames()).toMatchObject(
      ['1', '2', '3', '4'].map((id) => ({ type: 'response', id, payload: `paid ${id}` })),
    );
  });

  it('holds up what is behind it no longer than the lease when its first run hangs', async () => {
    const { world, ran } = await payWorld(({ id }) =>
      id === '1' ? new Promise(() => undefined) : Promise.resolve('done'),
    );
    const first = await come(world);
    await first.ask(pay('1'));
    first.link.breakOff();
    const second = await come(world);
    second.say(pay('1', { retry: true }), pay('2'), { type: 'ping' });
    await turn();
    expect(second.frames()).toEqual([{ type: 'pong' }]);
    world.clock.advance(60_000);
    await turns(3);
    expect(second.frames()).toMatchObject([
      { type: 'error', id: '1', code: 'timeout', retryable: true },
      { type: 'response', id: '2', payload: 'done' },
    ]);
    expect(ran).toEqual(['1', '2']);
  });

  it('that waits for its turn when the connection breaks has no effect', async () => {
    const gate = deferred();
    const { world, ran } = await payWorld(() => gate.promise);
    const peer = await come(world);
    peer.say(pay('1'), pay('2'));
    await turn();
    peer.link.breakOff();
    gate.resolve();
    await turns(3);
    expect(ran).toEqual(['1']);
  });

  it('gets an error again with its code, message and details', async () => {
    const { world, ran } = await payWorld(() =>
      Promise.reject(new RealtimeError('conflict', 'no money', { details: { short: 5 } })),
    );
    const texts: (string | undefined)[] = [];
    for (let asks = 0; asks < 2; asks += 1) {
      const peer = await come(world);
      await peer.ask(pay('7'));
      texts.push(peer.link.received.at(-1));
    }
    expect(texts[0]).toBe(
      '{"type":"error","id":"7","code":"conflict","message":"no money","retryable":false,"details":{"short":5}}',
    );
    expect(texts[1]).toBe(texts[0]);
    expect(ran).toEqual(['7']);
  });

  it('is waited for at a shutdown although its connection is gone', async () => {
    const gate = deferred();
    const { world } = await payWorld(() => gate.promise);
    const peer = await come(world);
    await peer.ask(pay('7'));
    peer.link.breakOff();
    let drained = false;
    void world.node.drain({ drainMs: 5_000, spreadMs: 0 }).then(() => (drained = true));
    await turn();
    expect(drained).toBe(false);
    gate.resolve();
    await turns(3);
    expect(drained).toBe(true);
  });

  it('is bounded in number a user, whose connections may all be gone', async () => {
    const { world, ran } = await payWorld(() => new Promise(() => undefined), {
      limits: { idempotentRuns: 3 },
    });
    for (let n = 0; n < 5; n += 1) {
      const peer = await come(world);
      const [frame] = await peer.ask(pay(String(n)));
      expect(frame?.type === 'error' && frame.code).toBe(n < 3 ? false : 'rate-limited');
      peer.link.breakOff();
    }
    expect(ran).toHaveLength(3);
  });

  it('is refused where the store cannot be asked', async () => {
    const { world, ran } = await payWorld(() => Promise.resolve(), {
      replies: ({ clock }) => {
        const store = new MemoryReplyStore(new ReplyBook(clock));
        void store.close();
        return store;
      },
    });
    expect(await (await come(world)).ask(pay('7'))).toMatchObject([{ code: 'unavailable' }]);
    expect(ran).toEqual([]);
  });

  it('with a stream for an answer is a fault of the program', async () => {
    const { world } = await payWorld(() =>
      Promise.resolve(new StreamSource(() => () => undefined)),
    );
    expect(await (await come(world)).ask(pay('7'))).toMatchObject([{ code: 'internal' }]);
    expect(world.observer.failures).toHaveLength(1);
  });
});

describe('a retry of a request of another handler', () => {
  it('is refused without running, also while the server shuts down', async () => {
    const { world, ran } = await payWorld(() => Promise.resolve());
    const peer = await come(world);
    const retry = { type: 'request', id: '7', event: 'ask', retry: true };
    const refusal = {
      type: 'error',
      id: '7',
      code: 'not-idempotent',
      message: 'the request was sent before and its handler may not run twice',
      retryable: false,
    };
    expect(await peer.ask(retry)).toEqual([refusal]);
    void peer.connection.drain();
    expect(await peer.ask(retry)).toEqual([refusal]);
    expect(ran).toEqual([]);
  });

  it('is run when it says that it is none', async () => {
    const { world, ran } = await payWorld(() => Promise.resolve());
    const peer = await come(world);
    const frames = await peer.ask({ type: 'request', id: '7', event: 'ask', retry: false });
    expect(frames).toEqual([{ type: 'response', id: '7' }]);
    expect(ran).toEqual(['7']);
  });

  it('of an event that nobody answers is told so', async () => {
    const { world } = await payWorld(() => Promise.resolve());
    const peer = await come(world);
    expect(
      await peer.ask({ type: 'request', id: '7', event: 'unheard-of', retry: true }),
    ).toMatchObject([{ code: 'unknown-event' }]);
  });
});

describe('credit', () => {
  it('overtakes requests that wait for their turn', async () => {
    const { world } = await payWorld(() => new Promise(() => undefined));
    let made = 0;
    async function* count() {
      for (;;) yield await Promise.resolve((made += 1));
    }
    world.application.handlers.set('count', () =>
      Promise.resolve(StreamSource.fromAsyncIterable(count())),
    );
    const peer = await come(world);
    const frames = await peer.ask(
      { type: 'request', id: '1', event: 'count', credit: 1 },
      pay('2'),
      pay('3'),
    );
    expect(frames).toEqual([{ type: 'next', id: '1', payload: 1 }]);
    expect(await peer.ask({ type: 'credit', id: '1', count: 2 })).toEqual([
      { type: 'next', id: '1', payload: 2 },
      { type: 'next', id: '1', payload: 3 },
    ]);
    expect(made).toBe(3);
    peer.connection.close(4300, 'enough');
  });

  it('P-14 for an id that is not known is ignored and counted', async () => {
    const { world } = await payWorld(() => Promise.resolve());
    const peer = await come(world);
    expect(await peer.ask({ type: 'credit', id: '__proto__', count: 1 }, { type: 'ping' })).toEqual(
      [{ type: 'pong' }],
    );
    expect(world.observer.ignoredThings).toEqual(['credit-for-unknown-id']);
  });
});
