import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import {
  RealtimeRoom,
  type Position,
  type RealtimeUser,
  type RoomHistoryOptions,
  type RoomParams,
  type RoomPolicy,
  type RoomService,
} from '../../lib/index.js';
import type { FrameOf, RawClient } from '../../lib/testing/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';

@RealtimeRoom('log/:name', { history: { size: 250 } })
class LogRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canReadHistory(user: RealtimeUser, { name }: RoomParams): boolean {
    return user.id === 'ada' && name !== 'secret';
  }
}

/** Lets everybody in and says nothing of its history. */
@RealtimeRoom('chat/:name')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@RealtimeRoom('short/:name', { history: { size: 3 } })
class ShortRooms extends LogRooms {}

type Page = FrameOf<'history'>;

describe('the history of a room', () => {
  let app: RunningApp;
  let rooms: RoomService;
  let ada: RawClient;
  let count = 0;
  /** A room of its own for each test. */
  let room: string;

  beforeAll(async () => {
    app = await startApp({ providers: [LogRooms, ChatRooms, ShortRooms] });
    rooms = app.rooms;
    ada = await app.connect('token-ada');
  });

  beforeEach(() => {
    count += 1;
    room = `log/${String(count)}`;
  });

  afterAll(() => app.close());

  async function publish(number: number, into = room): Promise<Position> {
    for (let n = 1; n <= number; n += 1) await rooms.publish(into, 'n', { n });
    return rooms.position(into);
  }

  /** Asks as a client; the answer's type is for the test to see. */
  function ask(fields: object, name = room, client = ada): Promise<object> {
    client.sendText(JSON.stringify({ type: 'history', id: 'h', room: name, ...fields }));
    return client.answer('h');
  }

  const numbersOf = (page: object): unknown[] =>
    (page as Page).messages.map(({ payload }) => (payload as { n: number }).n);

  describe('for a client', () => {
    it('is a page of messages as they were sent live', async () => {
      const { epoch } = await publish(2);
      ada.send({ type: 'subscribe', id: 's', room, epoch, offset: 0 });
      await ada.answer('s');
      const live = [await ada.next('message'), await ada.next('message')];
      expect(await ask({})).toEqual({
        type: 'history',
        id: 'h',
        room,
        epoch,
        offset: 2,
        complete: true,
        messages: live.map(({ event, id, timestamp, offset, payload }) => ({
          event,
          id,
          timestamp,
          offset,
          payload,
        })),
      });
    });

    it('is read forwards from the oldest, page by page', async () => {
      const { epoch } = await publish(250);
      const first = await ask({});
      expect(first).toMatchObject({ offset: 250, complete: false });
      expect(numbersOf(first)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
      expect(numbersOf(await ask({ epoch, offset: 100 }))[0]).toBe(101);
      const last = await ask({ epoch, offset: 200 });
      expect(last).toMatchObject({ complete: true });
      expect(numbersOf(last)).toHaveLength(50);
    });

    it('is read backwards from the newest, page by page', async () => {
      const { epoch } = await publish(5);
      const direction = 'backwards';
      expect(numbersOf(await ask({ direction, limit: 2 }))).toEqual([5, 4]);
      const next = await ask({ direction, limit: 2, epoch, offset: 4 });
      expect(next).toMatchObject({ complete: false });
      expect(numbersOf(next)).toEqual([3, 2]);
      const last = await ask({ direction, limit: 2, epoch, offset: 2 });
      expect(last).toMatchObject({ complete: true });
      expect(numbersOf(last)).toEqual([1]);
    });

    it('begins at the oldest message that is held, and says so', async () => {
      const { epoch } = await publish(5, 'short/a');
      const page = await ask({ epoch, offset: 0 }, 'short/a');
      expect(page).toMatchObject({ reason: 'evicted', complete: true });
      expect(numbersOf(page)).toEqual([3, 4, 5]);
      const whole = await ask({ epoch, offset: 2 }, 'short/a');
      expect(whole).not.toHaveProperty('reason');
      expect(numbersOf(whole)).toEqual([3, 4, 5]);
    });

    it.each<[string, object, string]>([
      ['of another epoch', { epoch: 'other', offset: 1 }, 'epoch-changed'],
      ['beyond the top', { offset: 9 }, 'position-unknown'],
      ['that is negative', { offset: -1 }, 'position-unknown'],
      ['that is fractional', { offset: 0.5 }, 'position-unknown'],
      ['without offset', {}, 'position-unknown'],
    ])('has no messages for a position %s', async (_what, claim, reason) => {
      const { epoch } = await publish(3);
      expect(await ask({ epoch, ...claim })).toEqual({
        type: 'history',
        id: 'h',
        room,
        epoch,
        offset: 3,
        messages: [],
        complete: true,
        reason,
      });
    });

    it('is empty in a room that nothing was published in', async () => {
      expect(await ask({})).toMatchObject({ offset: 0, messages: [], complete: true });
    });

    it('may be read without being in the room', async () => {
      await publish(1);
      expect(numbersOf(await ask({}))).toEqual([1]);
    });

    it.each([
      ['forbidden', 'chat/x', 'ada', 'whose class does not say who may read it'],
      ['forbidden', 'log/secret', 'ada', 'that the class refuses'],
      ['forbidden', 'log/x', 'jane', 'for a user the class refuses'],
      ['unknown-room', 'undeclared', 'ada', 'that no class declares'],
    ])('is refused with %s in %s for %s: a room %s', async (code, name, user) => {
      const client = await app.connect(`token-${user}`);
      expect(await ask({}, name, client)).toMatchObject({ type: 'error', code });
      await client.close();
    });

    it.each([{ limit: 0 }, { limit: 101 }, { limit: 1.5 }, { direction: 'up' }])(
      'is refused for %j',
      async (fields) => {
        expect(await ask(fields)).toMatchObject({ type: 'error', code: 'invalid-field' });
      },
    );
  });

  describe('for the application', () => {
    const payloadsOf = async (options?: RoomHistoryOptions): Promise<unknown[]> =>
      (await rooms.history(room, options)).messages.map(({ payload }) => payload);

    it('is a page of messages with parsed payloads', async () => {
      const { id, position } = await rooms.publish(room, 'said', { text: 'hi' });
      await rooms.publish(room, 'bare');
      expect(await rooms.history(room)).toEqual({
        messages: [
          { id, event: 'said', timestamp: expect.any(Number), position, payload: { text: 'hi' } },
          expect.objectContaining({ event: 'bare', payload: undefined }),
        ],
        position: await rooms.position(room),
        complete: true,
      });
    });

    it('is read after, before, and from both ends', async () => {
      const { epoch } = await publish(4);
      const at = (offset: number): Position => ({ epoch, offset });
      const [one, two, three, four] = [1, 2, 3, 4].map((n) => ({ n }));
      expect(await payloadsOf({ after: at(2) })).toEqual([three, four]);
      expect(await payloadsOf({ before: at(3) })).toEqual([two, one]);
      expect(await payloadsOf({ direction: 'forwards', limit: 1 })).toEqual([one]);
      expect(await payloadsOf({ direction: 'backwards', limit: 1 })).toEqual([four]);
      expect(await rooms.history(room, { after: at(2), limit: 1 })).toMatchObject({
        complete: false,
      });
    });

    it('says why it does not go on at a position', async () => {
      const { epoch } = await publish(5, 'short/b');
      expect(await rooms.history('short/b', { after: { epoch, offset: 0 } })).toMatchObject({
        reason: 'evicted',
        messages: [{ payload: { n: 3 } }, { payload: { n: 4 } }, { payload: { n: 5 } }],
      });
      expect(await rooms.history(room, { after: { epoch: 'x', offset: 0 } })).toMatchObject({
        reason: 'epoch-changed',
        messages: [],
      });
    });

    it('needs no room class', async () => {
      await rooms.publish('undeclared', 'n', 1);
      expect(await rooms.history('undeclared')).toMatchObject({ messages: [{ payload: 1 }] });
    });

    const position = { epoch: 'e', offset: 1 };

    it.each<[RoomHistoryOptions, string]>([
      [{ limit: 0 }, 'limit: expected an integer from 1 to 1000'],
      [{ limit: 1_001 }, 'limit: expected an integer from 1 to 1000'],
      [{ limit: Number.NaN }, 'limit: expected an integer from 1 to 1000'],
      [{ after: position, before: position }, 'after: expected no "before" beside it'],
      [
        { after: position, direction: 'backwards' },
        'direction: expected "forwards" with "after" and "backwards" with "before"',
      ],
      [
        { before: position, direction: 'forwards' },
        'direction: expected "forwards" with "after" and "backwards" with "before"',
      ],
    ])('is refused for %j', async (options, message) => {
      await expect(rooms.history(room, options)).rejects.toMatchObject({
        name: 'RealtimeError',
        code: 'invalid-field',
        message,
      });
    });

    it('is refused for what is no room name', async () => {
      const refused = { code: 'invalid-field' };
      await expect(rooms.history('a//b')).rejects.toMatchObject(refused);
      await expect(rooms.position('a//b')).rejects.toMatchObject(refused);
    });
  });
});

describe('what is kept', () => {
  afterEach(closeApps);

  async function countOf({ rooms }: RunningApp, name: string): Promise<number> {
    return (await rooms.history(name)).messages.length;
  }

  it('of a room is what the module says, unless its class says something else', async () => {
    const options = { rooms: { history: { size: 2 } } };
    const app = await startApp({ options, providers: [ChatRooms, ShortRooms] });
    for (const name of ['undeclared', 'chat/x', 'short/x']) {
      for (let n = 0; n < 5; n += 1) await app.rooms.publish(name, 'n', n);
    }
    expect(await countOf(app, 'undeclared')).toBe(2);
    expect(await countOf(app, 'chat/x')).toBe(2);
    expect(await countOf(app, 'short/x')).toBe(3);
  });

  it('of all rooms is bounded, and the quiet room loses its own first, not its position', async () => {
    const app = await startApp({ options: { memory: { maxHistoryBytes: 4_000 } } });
    for (const name of ['quiet', 'busy']) {
      await app.rooms.publish(name, 'n', 'x'.repeat(2_000));
    }
    expect(await countOf(app, 'quiet')).toBe(0);
    expect(await countOf(app, 'busy')).toBe(1);
    expect((await app.rooms.position('quiet')).offset).toBe(1);
  });
});
