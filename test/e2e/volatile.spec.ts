import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { RoomReader } from '../support/room-reader.js';

@RealtimeRoom('chat/:room', { events: { said: true, typing: true }, volatile: ['typing'] })
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }

  canReadHistory(): boolean {
    return true;
  }
}

const room = 'chat/x';

describe('a volatile message', () => {
  let app: RunningApp;

  beforeEach(async () => {
    app = await startApp({ providers: [ChatRooms] });
  });

  afterEach(closeApps);

  it('of a client comes to who is there, without a position', async () => {
    const [ada, jane] = await Promise.all([
      RoomReader.open(app, room),
      RoomReader.open(app, room, { user: 'jane' }),
    ]);
    ada.client.send({ type: 'publish', id: 'p', room, event: 'typing', payload: { on: true } });
    expect(await ada.client.answer('p')).toEqual({
      type: 'published',
      id: 'p',
      durability: 'none',
    });
    const [message] = (await jane.read(1)).messages;
    expect(message).toEqual({
      type: 'message',
      room,
      event: 'typing',
      id: expect.any(String),
      timestamp: expect.any(Number),
      payload: { on: true },
    });
  });

  it('takes no offset between those that are stored', async () => {
    const reader = await RoomReader.open(app, room);
    await app.rooms.publish(room, 'said', 1);
    await app.rooms.publish(room, 'typing', 2);
    await app.rooms.publish(room, 'said', 3);
    await reader.read(3);
    expect(reader.payloads).toEqual([1, 2, 3]);
    expect(reader.offsets).toEqual([1, undefined, 2]);
  });

  it('is never replayed', async () => {
    const before = await RoomReader.open(app, room);
    await before.breakOff();
    await app.rooms.publish(room, 'typing', 1);
    await app.rooms.publish(room, 'said', 2);
    await app.rooms.publish(room, 'typing', 3);
    const after = await RoomReader.open(app, room, { from: before.position });
    expect(after.subscribed).toMatchObject({ recovered: true, replayed: 1, offset: 1 });
    expect((await after.read(1)).payloads).toEqual([2]);
    await after.hasNothing();
  });

  it('loses nobody anything: who missed only such recovers with 0', async () => {
    const before = await RoomReader.open(app, room);
    await before.breakOff();
    await app.rooms.publish(room, 'typing', 1);
    const after = await RoomReader.open(app, room, { from: before.position });
    expect(after.subscribed).toMatchObject({ recovered: true, replayed: 0 });
  });

  it('is in no history', async () => {
    await app.rooms.publish(room, 'said', 1);
    await app.rooms.publish(room, 'typing', 2);
    const { messages, position } = await app.rooms.history(room);
    expect(messages.map(({ payload }) => payload)).toEqual([1]);
    expect(position.offset).toBe(1);
  });

  it('does not go to a connection that is left out, which is told nothing', async () => {
    const reader = await RoomReader.open(app, room);
    const [member] = await app.rooms.members(room);
    await app.rooms.publish(room, 'typing', 1, { except: member?.connectionId ?? '' });
    await reader.hasNothing();
  });

  it('of the application is one by its class or by its own word', async () => {
    const none = { id: expect.any(String), durability: 'none' };
    expect(await app.rooms.publish(room, 'typing')).toEqual(none);
    expect(await app.rooms.publish(room, 'said', 1, { volatile: true })).toEqual(none);
    expect(await app.rooms.publish('undeclared', 'n', 1, { volatile: true })).toEqual(none);
    expect(await app.rooms.publish(room, 'typing', 1, { volatile: false })).toEqual({
      id: expect.any(String),
      position: { epoch: expect.any(String), offset: 1 },
      durability: 'memory',
    });
  });
});
