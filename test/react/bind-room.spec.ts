import { describe, expect, it } from '@jest/globals';
import { bindRoom, watchRoom, type AnyHandlers } from '../../lib/react/bind-room.js';
import { settle } from '../client/support/fake-clock.js';
import { connectedWorld, message } from '../client/support/world.js';

const NAME = 'chat/general';

describe('a room that a component listens to', () => {
  it('calls the newest handlers without a new subscription', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const heard: unknown[] = [];
    let handlers: AnyHandlers = {
      'chat.message': (payload: unknown) => heard.push(`old ${String(payload)}`),
      gap: () => heard.push('gap'),
    };
    const off = bindRoom(room, ['chat.message', 'gap'], () => handlers);
    world.socket.receive({ type: 'subscribed', id: '1', room: NAME, epoch: 'e1', offset: 3 });
    world.socket.receive(message(4));
    handlers = { 'chat.message': (payload: unknown) => heard.push(`new ${String(payload)}`) };
    world.socket.receive(message(5));
    expect(heard).toEqual(['old 4', 'new 5']);
    expect(world.socket.frames('subscribe')).toHaveLength(1);
    off();
    await settle();
    expect(world.socket.frames('unsubscribe')).toHaveLength(1);
  });

  it('sends nothing twice when it is mounted, unmounted and mounted as strict mode does', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const handlers: AnyHandlers = { 'chat.message': () => undefined };
    bindRoom(room, ['chat.message'], () => handlers)();
    bindRoom(room, ['chat.message'], () => handlers);
    await settle();
    expect(world.socket.sent.slice(1).map(({ type }) => type)).toEqual(['subscribe']);
  });

  it('tells each change of the state until it is not watched any more', async () => {
    const world = await connectedWorld();
    const room = world.client.room(NAME);
    const states: string[] = [];
    const off = watchRoom(room, () => states.push(room.state));
    void room.subscribe();
    world.socket.receive({ type: 'subscribed', id: '1', room: NAME, epoch: 'e1', offset: 3 });
    room.unsubscribe();
    off();
    void room.subscribe();
    expect(states).toEqual(['subscribing', 'subscribed', 'unsubscribed']);
  });
});
