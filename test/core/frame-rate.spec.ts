import { describe, expect, it } from '@jest/globals';

import type { CoreLimits } from '../../lib/core/index.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import { turn } from '../support/turns.js';

const SLOW = { messagesPerSecond: 2, messageBurst: 3, bytesPerSecond: 0 };

async function connected(
  limits: Partial<CoreLimits>,
): Promise<{ readonly world: NodeWorld; readonly peer: Peer }> {
  const world = await NodeWorld.start({ limits });
  world.application.handlers.set('ask', () => Promise.resolve());
  return { world, peer: await world.connect() };
}

const ask = (id: string, padding = ''): object => ({ type: 'request', id, event: 'ask', padding });
const pings = (count: number): object[] => Array.from({ length: count }, () => ({ type: 'ping' }));
const refusal = (id: string, retryAfterMs: number): object => ({
  type: 'error',
  id,
  code: 'rate-limited',
  message: 'too many frames',
  retryable: true,
  retryAfterMs,
});

describe('the rate of a connection’s frames', () => {
  it('R-16 refuses what is beyond the burst under its id, and says when to come back', async () => {
    const { peer } = await connected(SLOW);
    const frames = await peer.ask(ask('1'), ask('2'), ask('3'), ask('4'));
    expect(frames).toContainEqual(refusal('4', 500));
    const answered = frames.filter(({ type }) => type === 'response');
    expect(answered).toEqual(['1', '2', '3'].map((id) => ({ type: 'response', id })));
  });

  it('R-16 takes the refused frame again at the time it said, not a millisecond earlier', async () => {
    const { world, peer } = await connected(SLOW);
    await peer.ask(...pings(3));
    world.clock.advance(499);
    expect(await peer.ask(ask('1'))).toEqual([refusal('1', 1)]);
    world.clock.advance(1);
    expect(await peer.ask(ask('1'))).toEqual([{ type: 'response', id: '1' }]);
  });

  it('counts bytes too, and a refusal charges none', async () => {
    const limits = { messagesPerSecond: 0, bytesPerSecond: 1_000, byteBurst: 2_000 };
    const { world, peer } = await connected(limits);
    const large = ask('1', 'x'.repeat(1_000));
    const { length } = JSON.stringify(large);
    await peer.ask(large);
    const waitMs = 2 * length - 2_000;
    for (let n = 0; n < 2; n += 1) expect(await peer.ask(large)).toEqual([refusal('1', waitMs)]);
    world.clock.advance(waitMs);
    expect(await peer.ask(large)).toEqual([{ type: 'response', id: '1' }]);
  });

  it('takes a frame that is larger than the burst of bytes after a rest', async () => {
    const { peer } = await connected({ bytesPerSecond: 10, byteBurst: 100 });
    expect(await peer.ask(ask('1', 'x'.repeat(500)))).toEqual([{ type: 'response', id: '1' }]);
    expect(await peer.ask(ask('2'))).toMatchObject([{ code: 'rate-limited' }]);
  });

  it('refuses before it decodes: what is no frame gets the same error, without id', async () => {
    const { peer } = await connected(SLOW);
    await peer.ask(...pings(3));
    const withoutId = {
      type: 'error',
      code: 'rate-limited',
      message: 'too many frames',
      retryable: true,
      retryAfterMs: 500,
    };
    expect(await peer.ask('no json', { type: 'ping', id: 7 }, { type: 'nonsense' })).toEqual([
      withoutId,
      withoutId,
      withoutId,
    ]);
    expect(peer.link.peerEnd).toBeUndefined();
  });

  it('does not refuse what gives something back', async () => {
    const { world, peer } = await connected(SLOW);
    await peer.ask({ type: 'subscribe', id: '1', room: 'a' }, ...pings(2));
    const answers = await peer.ask(
      { type: 'cancel', id: 'x' },
      { type: 'credit', id: 'x', count: 1 },
      { type: 'unsubscribe', id: '2', room: 'a' },
    );
    expect(answers).toEqual([{ type: 'unsubscribed', id: '2', room: 'a' }]);
    expect(world.observer.ignoredThings).toEqual(['cancel-of-unknown-id', 'credit-for-unknown-id']);
  });

  it.each([
    ['frames', pings(1)],
    ['frames that are not refused', [{ type: 'cancel', id: 'x' }]],
  ])('closes with 4429 who was refused 1,000 and sends on: %s', async (_, [more]) => {
    const { peer } = await connected(SLOW);
    const many = Array.from<object>({ length: 1_000 }).fill(more!);
    await peer.ask(...pings(3), ...many);
    expect(peer.link.peerEnd).toBeUndefined();
    await peer.ask(more!);
    expect(peer.link.peerEnd).toEqual({ code: 4429, reason: 'too many frames' });
  });

  it('closes with 4429 who was refused as many as the burst, where that is more', async () => {
    const { peer } = await connected({ messagesPerSecond: 1, messageBurst: 1_200 });
    await peer.ask(...pings(2_400));
    expect(peer.link.peerEnd).toBeUndefined();
    await peer.ask(...pings(1));
    expect(peer.link.peerEnd?.code).toBe(4429);
  });

  it.each([1_000, 5_000_000])(
    'closes with 4429 who was refused 4 MiB, or the burst of %d bytes, and sends on',
    async (byteBurst) => {
      const limits = { messagesPerSecond: 0, bytesPerSecond: 1, byteBurst };
      const { peer } = await connected(limits);
      const large = JSON.stringify({ type: 'ping' }).padEnd(1_000_000);
      await peer.ask(large, ...Array.from<string>({ length: 5 }).fill(large));
      expect(peer.link.peerEnd).toBeUndefined();
      const more = byteBurst > 4_194_304 ? 5 : 1;
      for (let n = 1; n < more; n += 1) await peer.ask(large);
      expect(peer.link.peerEnd).toBeUndefined();
      await peer.ask(large);
      expect(peer.link.peerEnd?.code).toBe(4429);
    },
  );

  it('forgives who has rested until the burst is whole again, and nobody else', async () => {
    const { world, peer } = await connected(SLOW);
    for (let n = 0; n < 3; n += 1) {
      await peer.ask(...pings(3 + 1_000));
      world.clock.advance(1_500);
    }
    expect(peer.link.peerEnd).toBeUndefined();
    await peer.ask(...pings(3 + 1_000));
    world.clock.advance(1_499);
    await peer.ask(...pings(2));
    expect(peer.link.peerEnd).toBeUndefined();
    await peer.ask(...pings(1));
    expect(peer.link.peerEnd?.code).toBe(4429);
  });

  it('is a connection’s own: others are not refused', async () => {
    const { world, peer } = await connected(SLOW);
    const other = await world.connect('bob');
    await peer.ask(...pings(4));
    expect(await other.ask(...pings(3))).toEqual(pings(3).map(() => ({ type: 'pong' })));
  });

  it('begins with the first frame after connected: what waits behind hello is bounded in bytes', async () => {
    const world = await NodeWorld.start({ limits: SLOW });
    const peer = world.meet();
    peer.say({ type: 'hello', token: 'token-ada' }, ...pings(10));
    await turn();
    expect(peer.frames().filter(({ type }) => type === 'pong')).toHaveLength(10);
  });

  it('lets by default 4,000 frames and 16 MiB pass at once, and everything if both are 0', async () => {
    const { peer } = await connected({});
    await peer.ask(...pings(4_000));
    expect(await peer.ask(ask('1'))).toMatchObject([{ code: 'rate-limited', retryAfterMs: 1 }]);
    const megabyte = JSON.stringify({ type: 'ping' }).padEnd(1_048_576);
    const { peer: heavy } = await connected({});
    const answers = await heavy.ask(...Array.from<string>({ length: 17 }).fill(megabyte));
    expect(answers.filter(({ type }) => type === 'error')).toMatchObject([
      { code: 'rate-limited' },
    ]);
    const { peer: free } = await connected({ messagesPerSecond: 0, bytesPerSecond: 0 });
    expect(await free.ask(...pings(6_000))).toHaveLength(6_000);
  });
});
