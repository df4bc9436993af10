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
}

const room = 'chat/x';

describe('publishes of one publisher', () => {
  let app: RunningApp;

  beforeEach(async () => {
    app = await startApp({ providers: [ChatRooms] });
  });

  afterEach(closeApps);

  it('keep their order although none is awaited: 1 000 of them', async () => {
    const reader = await RoomReader.open(app, room);
    const receipts = Array.from({ length: 1_000 }, (_, n) =>
      app.rooms.publish(room, n % 10 === 0 ? 'typing' : 'said', n),
    );
    const positions = (await Promise.all(receipts)).map(({ position }) => position?.offset);
    await reader.read(1_000);
    expect(reader.payloads).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    expect(reader.offsets).toEqual(positions);
    expect((await app.rooms.position(room)).offset).toBe(900);
  });

  it('keep their order when a client sends them: 500 of them', async () => {
    const reader = await RoomReader.open(app, room);
    const author = await app.connect('token-jane');
    for (let n = 0; n < 500; n += 1) {
      author.send({ type: 'publish', id: String(n), room, event: 'said', payload: n });
    }
    await reader.read(500);
    expect(reader.payloads).toEqual(Array.from({ length: 500 }, (_, n) => n));
    for (let n = 0; n < 500; n += 1) {
      expect(await author.answer(String(n))).toMatchObject({ type: 'published', offset: n + 1 });
    }
  });

  it('resolve with the position that subscribers see, and what the message survives', async () => {
    const reader = await RoomReader.open(app, room);
    const published = await app.rooms.publish(room, 'said', 1);
    await reader.read(1);
    expect(published).toEqual({
      id: reader.messages[0]?.id,
      position: reader.position,
      durability: 'memory',
    });
    expect(await app.rooms.position(room)).toEqual(reader.position);
  });
});
