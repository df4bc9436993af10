import { describe, expect, it } from '@jest/globals';
import type { RealtimeClientError } from '../../lib/client/index.js';
import { connectedWorld, outcome, World } from './support/world.js';

/** What was asked for in vain, in the order in which that was told. */
function ask(world: World, events: readonly string[], payload?: unknown): string[] {
  const refused: string[] = [];
  for (const event of events) {
    world.client.request(event, payload).catch((error: unknown) => {
      const { code, retryable } = error as RealtimeClientError;
      if (code === 'send-buffer-full' && retryable) refused.push(event);
    });
  }
  return refused;
}

/** The events of the requests that went out. */
async function sent(world: World): Promise<string[]> {
  const socket = await world.accept();
  return socket.frames('request').map(({ event }) => event);
}

describe('what waits for a connection', () => {
  it('is a hundred calls by default, which go out in order once connected', async () => {
    const world = new World();
    const events = Array.from({ length: 101 }, (_, n) => `e${n}`);
    const refused = ask(world, events);
    expect(await sent(world)).toEqual(events.slice(0, 100));
    expect(refused).toEqual(['e100']);
  });

  it.each([
    ['refuse', ['a', 'b'], ['c']],
    ['drop-oldest', ['b', 'c'], ['a']],
    ['drop-newest', ['a', 'c'], ['b']],
  ] as const)('with %s keeps %j of three where two may wait', async (whenFull, kept, lost) => {
    const world = new World({ buffer: { maxCalls: 2, whenFull } });
    const refused = ask(world, ['a', 'b', 'c']);
    expect(await sent(world)).toEqual(kept);
    expect(refused).toEqual(lost);
  });

  it('is bounded in bytes as UTF-8 counts them', async () => {
    const world = new World({ buffer: { maxBytes: 220, whenFull: 'drop-oldest' } });
    const refused = ask(world, ['a', 'b', 'c'], 'ü'.repeat(25));
    expect(await sent(world)).toEqual(['b', 'c']);
    expect(refused).toEqual(['a']);
  });

  it('makes no room for what would never fit', async () => {
    const world = new World({ buffer: { maxBytes: 100, whenFull: 'drop-oldest' } });
    const small = ask(world, ['small']);
    const large = ask(world, ['large'], 'x'.repeat(100));
    expect(await sent(world)).toEqual(['small']);
    expect([...small, ...large]).toEqual(['large']);
  });

  it('may be nothing at all', async () => {
    const world = new World({ buffer: { maxCalls: 0, whenFull: 'drop-newest' } });
    const refused = ask(world, ['a']);
    expect(await sent(world)).toEqual([]);
    expect(refused).toEqual(['a']);
    void outcome(world.client.request('b'));
    expect(world.socket.last('request').event).toBe('b');
  });

  it('does not make what was sent before give way', async () => {
    const world = await connectedWorld({ buffer: { maxCalls: 1, whenFull: 'drop-oldest' } });
    const sentBefore = ask(world, ['sent']);
    world.socket.drop();
    const refused = ask(world, ['a', 'b']);
    await world.reconnect();
    expect(world.socket.frames('request').map(({ event }) => event)).toEqual(['sent', 'b']);
    expect([...sentBefore, ...refused]).toEqual(['a']);
  });
});
