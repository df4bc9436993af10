import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { RealtimeRoom, type RoomPolicy } from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { RoomReader } from '../support/room-reader.js';

@RealtimeRoom('board/:board')
class BoardRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

const room = 'board/x';

describe('a message that is the latest of something', () => {
  let app: RunningApp;

  beforeEach(async () => {
    app = await startApp({ providers: [BoardRooms] });
  });

  afterEach(closeApps);

  it('is volatile, and comes to who is not behind like every other', async () => {
    const reader = await RoomReader.open(app, room);
    const published = await app.rooms.publish(room, 'cursor', 1, { latest: 'ada' });
    await app.rooms.publish(room, 'cursor', 2, { latest: 'ada' });
    expect(published).toEqual({ id: expect.any(String), durability: 'none' });
    const { messages } = await reader.read(2);
    expect(messages.map(({ payload, offset }) => [payload, offset])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
  });

  it.each(['', 'x'.repeat(65)])(
    'is refused if what it is the latest of is no name: "%s"',
    async (latest) => {
      await expect(app.rooms.publish(room, 'cursor', 1, { latest })).rejects.toMatchObject({
        code: 'invalid-field',
      });
    },
  );

  it('is refused if it is to be stored', async () => {
    const options = { latest: 'ada', volatile: false };
    await expect(app.rooms.publish(room, 'cursor', 1, options)).rejects.toMatchObject({
      code: 'invalid-field',
    });
  });
});
