import { describe, expect, it } from '@jest/globals';
import { Activity, type ReactNode } from 'react';

import type { PresenceMember } from '../../lib/client/index.js';
import type { PresenceStateFrame } from '../../lib/protocol/index.js';
import { usePresence, useRoom } from '../../lib/react/index.js';
import { NAME } from '../client/support/rooms.js';
import { connectedWorld, type World } from '../client/support/world.js';
import { countListeners, Show, Stage } from './support/stage.js';

const stage = new Stage();

const member = (userId: string): PresenceMember => ({
  userId,
  connections: [{ connectionId: `c-${userId}` }],
});

function present(name: string | null = NAME): ReactNode {
  const use = () => {
    const presence = usePresence(name);
    return presence
      ? `${presence.total}: ${[...(presence.members ?? new Map()).keys()].join(' ')}`
      : 'unknown';
  };
  return <Show use={use} />;
}

/** Who is there, as the answer to the last question. */
function state(world: World, ...users: string[]): PresenceStateFrame {
  const { id, room } = world.socket.last('presence');
  const members = users.map((user) => member(user));
  return { type: 'presence', id, room, total: users.length, members };
}

/** The page shows that ada and bob are in the room. */
async function shown(): Promise<World> {
  const world = await connectedWorld();
  await stage.play(world, present());
  await stage.admit(world);
  await stage.receive(world, state(world, 'ada', 'bob'));
  return world;
}

describe('usePresence', () => {
  it('knows nobody at first, then everyone, then what changes', async () => {
    const world = await connectedWorld();
    await stage.play(world, present());
    await stage.admit(world);
    expect(stage.text).toBe('unknown');
    await stage.receive(world, state(world, 'ada', 'bob'));
    expect(stage.text).toBe('2: ada bob');
    const change = { type: 'presence-change', room: NAME, total: 2 } as const;
    await stage.receive(world, { ...change, left: ['ada'], joined: [member('cy')] });
    expect(stage.text).toBe('2: bob cy');
  });

  it('asks once in strict mode', async () => {
    const world = await shown();
    expect(world.socket.sent.slice(1).map(({ type }) => type)).toEqual(['subscribe', 'presence']);
  });

  it('shows what was known last while the connection is broken', async () => {
    const world = await shown();
    await stage.do(() => world.socket.drop());
    expect(stage.text).toBe('2: ada bob');
    await stage.do(() => world.reconnect());
    await stage.receive(world, { type: 'subscribed', room: NAME, epoch: 'e1', offset: 3 });
    await stage.receive(world, state(world, 'bob'));
    expect(stage.text).toBe('1: bob');
  });

  it('shows nobody when the server ends the subscription', async () => {
    const world = await shown();
    await stage.receive(world, { type: 'unsubscribed', room: NAME, reason: 'forbidden' });
    expect(stage.text).toBe('unknown');
  });

  it('shows who is there when the room is entered again', async () => {
    const world = await shown();
    await stage.do(() => world.client.room(NAME).unsubscribe());
    expect(stage.text).toBe('unknown');
    await stage.do(() => void world.client.room(NAME).subscribe());
    await stage.admit(world);
    await stage.receive(world, state(world, 'ada', 'bob'));
    expect(stage.text).toBe('2: ada bob');
  });

  it('does not show what it knew before it was hidden', async () => {
    const world = await connectedWorld();
    const page = (mode: 'visible' | 'hidden') => <Activity mode={mode}>{present()}</Activity>;
    await stage.play(world, page('visible'));
    await stage.admit(world);
    await stage.receive(world, state(world, 'ada', 'bob'));
    await stage.play(world, page('hidden'));
    await stage.play(world, page('visible'));
    expect(stage.text).toBe('unknown');
    await stage.admit(world);
    await stage.receive(world, state(world, 'bob'));
    expect(stage.text).toBe('1: bob');
  });

  it('forgets one room for the next, and is nowhere without a name', async () => {
    const world = await shown();
    await stage.play(world, present('chat/other'));
    expect(stage.text).toBe('unknown');
    await stage.admit(world);
    await stage.receive(world, state(world, 'dan'));
    expect(stage.text).toBe('1: dan');
    await stage.play(world, present(null));
    expect(stage.text).toBe('unknown');
    expect(world.socket.frames('unsubscribe').map(({ room }) => room)).toEqual([
      NAME,
      'chat/other',
    ]);
  });

  it('stays in the room while another component listens, and watches no more', async () => {
    const world = await connectedWorld();
    const listener = <Show key="a" use={() => useRoom(NAME, { 'chat.message': () => {} }).state} />;
    await stage.play(world, [listener, <div key="b">{present()}</div>]);
    await stage.admit(world);
    await stage.play(world, [listener]);
    expect(world.socket.last('presence').action).toBe('unwatch');
    expect(world.socket.frames('unsubscribe')).toEqual([]);
  });

  it('neither listens nor renders any more when its component is gone', async () => {
    const world = await connectedWorld();
    const listeners = countListeners(world.client, NAME);
    await stage.play(world, present());
    await stage.admit(world);
    await stage.play(world, null);
    expect(listeners()).toBe(0);
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
  });
});
