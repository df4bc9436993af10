import { describe, expect, it } from '@jest/globals';
import {
  dropNewest,
  dropOldest,
  type DropPolicy,
  type RealtimeClientError,
} from '../../lib/client/index.js';
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

/** A policy with a mistake. */
const somethingElse = (() => ({})) as unknown as DropPolicy;

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
    ['nothing said', undefined, ['a', 'b'], ['c']],
    ['dropOldest', dropOldest, ['b', 'c'], ['a']],
    ['dropNewest', dropNewest, ['a', 'c'], ['b']],
    ['a policy that drops nothing', () => undefined, ['a', 'b'], ['c']],
    ['a policy that names what does not wait', somethingElse, ['a', 'b'], ['c']],
  ])('with %s keeps %#. of three where two may wait', async (_name, whenFull, kept, lost) => {
    const world = new World({ buffer: { maxCalls: 2, whenFull } });
    const refused = ask(world, ['a', 'b', 'c']);
    expect(await sent(world)).toEqual(kept);
    expect(refused).toEqual(lost);
  });

  it('is bounded in bytes as UTF-8 counts them', async () => {
    const world = new World({ buffer: { maxBytes: 220, whenFull: dropOldest } });
    const refused = ask(world, ['a', 'b', 'c'], 'ü'.repeat(25));
    expect(await sent(world)).toEqual(['b', 'c']);
    expect(refused).toEqual(['a']);
  });

  it('makes no room for what would never fit', async () => {
    const world = new World({ buffer: { maxBytes: 100, whenFull: dropOldest } });
    const small = ask(world, ['small']);
    const large = ask(world, ['large'], 'x'.repeat(100));
    expect(await sent(world)).toEqual(['small']);
    expect([...small, ...large]).toEqual(['large']);
  });

  it('may be nothing at all', async () => {
    const world = new World({ buffer: { maxCalls: 0, whenFull: dropNewest } });
    const refused = ask(world, ['a']);
    expect(await sent(world)).toEqual([]);
    expect(refused).toEqual(['a']);
    void outcome(world.client.request('b'));
    expect(world.socket.last('request').event).toBe('b');
  });

  it('is nothing where its bounds are no numbers', async () => {
    for (const buffer of [{ maxCalls: NaN }, { maxBytes: NaN, whenFull: dropOldest }]) {
      const world = new World({ buffer });
      expect(ask(world, ['a'])).toEqual([]);
      expect(await sent(world)).toEqual([]);
    }
  });

  it('does not make what was sent before give way', async () => {
    const world = await connectedWorld({ buffer: { maxCalls: 1, whenFull: dropOldest } });
    const sentBefore = ask(world, ['sent']);
    world.socket.drop();
    const refused = ask(world, ['a', 'b']);
    await world.reconnect();
    expect(world.socket.frames('request').map(({ event }) => event)).toEqual(['sent', 'b']);
    expect([...sentBefore, ...refused]).toEqual(['a']);
  });
});
