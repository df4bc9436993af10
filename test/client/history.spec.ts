import { describe, expect, it } from '@jest/globals';
import { history } from '../../lib/client/index.js';
import { NAME, refusal } from './support/rooms.js';
import { connectedWorld, outcome } from './support/world.js';

const at = (offset: number) => ({ epoch: 'e1', offset });

describe("a room's past", () => {
  it('comes in pages that lead to each other', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const asked = history(world.client, NAME, { before: at(9), limit: 2 });
    expect(world.socket.last('history')).toEqual({
      type: 'history',
      id: '1',
      room: NAME,
      direction: 'backwards',
      limit: 2,
      ...at(9),
    });
    const messages = [8, 7].map((offset) => {
      return { event: 'said', id: `m${String(offset)}`, timestamp: 5, offset, payload: offset };
    });
    const page = { room: NAME, ...at(12), messages, complete: false };
    world.socket.receive({ type: 'history', id: '1', ...page });
    const { messages: past, ...rest } = await asked;
    expect(rest).toEqual({ position: at(12), complete: false, reason: undefined });
    expect(past[0]).toEqual({
      id: 'm8',
      event: 'said',
      timestamp: 5,
      room: NAME,
      position: at(8),
      payload: 8,
    });
    void history(world.client, NAME, { before: past.at(-1)?.position });
    expect(world.socket.last('history')).toMatchObject(at(7));
    expect(room).toMatchObject({ state: 'unsubscribed', position: undefined });
  });

  it('may be read from either end and in both directions', async () => {
    const world = await connectedWorld();
    void outcome(history(world.client, NAME));
    void outcome(history(world.client, NAME, { direction: 'backwards' }));
    void outcome(history(world.client, NAME, { after: at(3) }));
    expect(world.socket.frames('history')).toEqual([
      { type: 'history', id: '1', room: NAME },
      { type: 'history', id: '2', room: NAME, direction: 'backwards' },
      { type: 'history', id: '3', room: NAME, direction: 'forwards', ...at(3) },
    ]);
  });

  it('is not asked for under a name that no room has', async () => {
    const world = await connectedWorld();
    const refused = await outcome(history(world.client, 'a//b'));
    expect(refused).toMatchObject({ code: 'invalid-room' });
    expect(world.socket.frames('history')).toEqual([]);
  });

  it('says why something is missing, and rejects with the refusal', async () => {
    const world = await connectedWorld();
    const asked = history(world.client, NAME, { after: at(3) });
    const page = { room: NAME, ...at(0), epoch: 'e2', messages: [], complete: true };
    world.socket.receive({ type: 'history', id: '1', ...page, reason: 'epoch-changed' });
    expect(await asked).toMatchObject({ messages: [], complete: true, reason: 'epoch-changed' });
    const refused = outcome(history(world.client, NAME));
    world.socket.receive(refusal('2', 'forbidden'));
    expect(await refused).toMatchObject({ code: 'forbidden' });
  });
});
