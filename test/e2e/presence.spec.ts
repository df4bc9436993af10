import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import {
  REALTIME_CLOCK,
  RealtimeRoom,
  type RealtimeUser,
  type RoomParams,
  type RoomPolicy,
} from '../../lib/index.js';
import { ManualClock, type FrameOf, type RawClient } from '../../lib/testing/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { turns, until } from '../support/turns.js';

@RealtimeRoom('team/:name')
class TeamRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canSeePresence(user: RealtimeUser): boolean {
    return user.id !== 'stranger';
  }

  presenceInfo(user: RealtimeUser, { name }: RoomParams): unknown {
    return user.id === 'plain' ? undefined : { name: user.id.toUpperCase(), in: name };
  }
}

@RealtimeRoom('crowd/:name', { presence: { countsOnly: true, graceMs: 0 } })
class CrowdRooms extends TeamRooms {}

@RealtimeRoom('untracked/:name', { presence: false })
class UntrackedRooms extends TeamRooms {}

const room = 'team/x';
const GRACE_MS = 10_000;

/** Time that a test moves on, except for what only waits for the next turn of the event loop. */
class TurningClock extends ManualClock {
  override after(delayMs: number, callback: () => void): () => void {
    if (delayMs > 0) return super.after(delayMs, callback);
    const timer = setTimeout(callback);
    return () => {
      clearTimeout(timer);
    };
  }
}

/** A client that is in a room. */
interface Device {
  readonly client: RawClient;
  readonly connectionId: string;
}

describe('presence', () => {
  let app: RunningApp;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new TurningClock();
    app = await startApp({
      providers: [TeamRooms, CrowdRooms, UntrackedRooms],
      overrides: new Map([[REALTIME_CLOCK, clock]]),
    });
  });

  afterEach(closeApps);

  async function join(user: string, name = room, clientKey?: string): Promise<Device> {
    const client = await app.open();
    client.send({
      type: 'hello',
      token: `token-${user}`,
      rooms: [{ room: name }],
      ...(clientKey === undefined ? {} : { clientKey }),
    });
    const { connectionId } = await client.next('connected');
    await client.next('subscribed');
    return { client, connectionId };
  }

  async function ask(
    { client }: Pick<Device, 'client'>,
    action: 'get' | 'watch' | 'unwatch' | 'update',
    fields: object = {},
  ): Promise<FrameOf<'presence'>> {
    client.send({ type: 'presence', id: action, room, action, ...fields });
    return (await client.answer(action)) as FrameOf<'presence'>;
  }

  /** A user who is there before everybody else, and is told of changes. */
  async function watcher(): Promise<Device> {
    const device = await join('watcher');
    expect(await ask(device, 'watch')).toMatchObject({ total: 1 });
    return device;
  }

  const change = ({ client }: Device): Promise<FrameOf<'presence-change'>> =>
    client.next('presence-change');

  /** Shows that the client was told of no other change. */
  async function hasNothing({ client }: Device): Promise<void> {
    await turns(5);
    client.send({ type: 'ping', id: 'nothing' });
    expect(await client.nextFrame()).toEqual({ type: 'pong', id: 'nothing' });
  }

  async function breakOff({ client }: Device): Promise<void> {
    const before = await app.rooms.connectionCount();
    client.socket.terminate();
    let now = before;
    await until(() => {
      void app.rooms.connectionCount().then((count) => (now = count));
      return now < before;
    });
  }

  const member = (userId: string, ...connections: Device[]): object => ({
    userId,
    connections: connections.map(({ connectionId }) => ({
      connectionId,
      info: { name: userId.toUpperCase(), in: 'x' },
    })),
  });

  describe('of a room', () => {
    it('is told with the public info of each member', async () => {
      const ada = await join('ada');
      const jane = await join('jane');
      expect(await ask(ada, 'get')).toEqual({
        type: 'presence',
        id: 'get',
        room,
        total: 2,
        members: [member('ada', ada), member('jane', jane)],
      });
    });

    it('has no info of whom the class tells nothing', async () => {
      const plain = await join('plain');
      const { members } = await ask(plain, 'get');
      expect(members).toEqual([
        { userId: 'plain', connections: [{ connectionId: plain.connectionId }] },
      ]);
    });

    it('is told to who is outside, if the class lets it', async () => {
      const ada = await join('ada');
      const client = await app.connect('token-jane');
      expect(await ask({ client }, 'get')).toMatchObject({ members: [member('ada', ada)] });
      const stranger = await app.connect('token-stranger');
      expect(await ask({ client: stranger }, 'get')).toMatchObject({ code: 'forbidden' });
    });

    it('is not there where it is not tracked', async () => {
      const { client } = await join('ada', 'untracked/x');
      client.send({ type: 'presence', id: '1', room: 'untracked/x' });
      expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'unsupported' });
    });

    it('is a number only where the class wants no more', async () => {
      const { client } = await join('ada', 'crowd/x');
      await join('jane', 'crowd/x');
      client.send({ type: 'presence', id: '1', room: 'crowd/x', action: 'watch' });
      expect(await client.answer('1')).toEqual({
        type: 'presence',
        id: '1',
        room: 'crowd/x',
        total: 2,
      });
      await join('bob', 'crowd/x');
      expect(await client.next('presence-change')).toEqual({
        type: 'presence-change',
        room: 'crowd/x',
        total: 3,
      });
    });

    it('is at hand for the application', async () => {
      expect(await app.rooms.presence(room)).toEqual({ total: 0, members: [] });
      const ada = await join('ada');
      const phone = await join('ada');
      expect(await app.rooms.presence(room)).toEqual({
        total: 1,
        members: [member('ada', ada, phone)],
      });
    });
  });

  describe('R-11 of a user with three devices', () => {
    it('is one member who joins once and leaves once', async () => {
      const watching = await watcher();
      const first = await join('ada');
      expect(await change(watching)).toEqual({
        type: 'presence-change',
        room,
        total: 2,
        joined: [member('ada', first)],
      });
      const second = await join('ada');
      expect(await change(watching)).toEqual({
        type: 'presence-change',
        room,
        total: 2,
        updated: [member('ada', first, second)],
      });
      const third = await join('ada');
      expect(await change(watching)).toMatchObject({
        updated: [member('ada', first, second, third)],
      });
      await first.client.close();
      expect(await change(watching)).toMatchObject({ updated: [member('ada', second, third)] });
      await third.client.close();
      expect(await change(watching)).toMatchObject({ updated: [member('ada', second)] });
      await second.client.close();
      expect(await change(watching)).toEqual({
        type: 'presence-change',
        room,
        total: 1,
        left: ['ada'],
      });
      await hasNothing(watching);
    });
  });

  describe('of a client whose connection breaks', () => {
    it('stays when it comes back within the grace time: no leave, no join', async () => {
      const watching = await watcher();
      const before = await join('ada', room, 'laptop');
      await change(watching);
      await breakOff(before);
      clock.advance(GRACE_MS - 1);
      await hasNothing(watching);
      const after = await join('ada', room, 'laptop');
      expect(await change(watching)).toEqual({
        type: 'presence-change',
        room,
        total: 2,
        updated: [member('ada', after)],
      });
      clock.advance(GRACE_MS);
      await hasNothing(watching);
    });

    it('ends when the grace time is over', async () => {
      const watching = await watcher();
      const ada = await join('ada', room, 'laptop');
      await change(watching);
      await breakOff(ada);
      clock.advance(GRACE_MS);
      expect(await change(watching)).toMatchObject({ total: 1, left: ['ada'] });
    });

    it.each<[string, (device: Device) => Promise<unknown>]>([
      ['says goodbye', ({ client }) => client.close()],
      [
        'unsubscribes',
        ({ client }) => {
          client.send({ type: 'unsubscribe', id: 'u', room });
          return client.answer('u');
        },
      ],
      [
        'is taken out of the room',
        ({ client, connectionId }) => {
          app.rooms.leave(connectionId, room);
          return client.next('unsubscribed');
        },
      ],
      ['is disconnected', ({ connectionId }) => app.rooms.disconnect(connectionId)],
    ])('ends at once where it %s', async (_how, leave) => {
      const watching = await watcher();
      const ada = await join('ada', room, 'laptop');
      await change(watching);
      await leave(ada);
      expect(await change(watching)).toMatchObject({ total: 1, left: ['ada'] });
    });

    it('is taken over by its newer connection, which closes the older one', async () => {
      const watching = await watcher();
      const older = await join('ada', room, 'laptop');
      await change(watching);
      const newer = await join('ada', room, 'laptop');
      expect((await older.client.closed).code).toBe(4409);
      expect(await change(watching)).toMatchObject({ updated: [member('ada', newer)] });
      clock.advance(GRACE_MS);
      await hasNothing(watching);
      expect(await ask(newer, 'get')).toMatchObject({ total: 2 });
    });

    it('is not taken over by another user with the same key', async () => {
      const ada = await join('ada', room, 'laptop');
      const jane = await join('jane', room, 'laptop');
      expect(await ask(jane, 'get')).toMatchObject({
        members: [member('ada', ada), member('jane', jane)],
      });
    });
  });

  describe('of oneself', () => {
    it('may be changed, and others are told', async () => {
      const watching = await watcher();
      const ada = await join('ada');
      await change(watching);
      expect(await ask(ada, 'update', { info: { mood: 'busy' } })).toEqual({
        type: 'presence',
        id: 'update',
        room,
        total: 2,
      });
      expect(await change(watching)).toMatchObject({
        updated: [{ userId: 'ada', connections: [{ info: { mood: 'busy' } }] }],
      });
      await ask(ada, 'update');
      const [connection] = (await change(watching)).updated?.[0]?.connections ?? [];
      expect(connection).toEqual({ connectionId: ada.connectionId });
    });

    it('may not be more than 1 KiB', async () => {
      const ada = await join('ada');
      const info = 'x'.repeat(1_023);
      expect(await ask(ada, 'update', { info })).toMatchObject({ type: 'error' });
      expect(await ask(ada, 'get')).toMatchObject({ members: [member('ada', ada)] });
    });

    it('cannot be changed from outside the room', async () => {
      const client = await app.connect('token-ada');
      expect(await ask({ client }, 'update', { info: 1 })).toMatchObject({
        type: 'error',
        code: 'not-subscribed',
      });
    });
  });

  describe('for a client that watches', () => {
    it('begins with the state, and is followed by every change after it', async () => {
      const first = await join('ada');
      const devices = await Promise.all(
        Array.from({ length: 30 }, (_, n) => join(`user-${String(n)}`)),
      );
      const { members = [] } = await ask(first, 'watch');
      const seen = new Set(members.map(({ userId }) => userId));
      const leaving = devices.slice(0, 10).map(({ client }) => client.close());
      const coming = Array.from({ length: 10 }, (_, n) => join(`late-${String(n)}`));
      await Promise.all([...leaving, ...coming]);
      let total = 0;
      while (seen.size !== 31 || total !== 31 || seen.has('user-9') || !seen.has('late-9')) {
        const frame = await change(first);
        for (const { userId } of frame.joined ?? []) seen.add(userId);
        for (const userId of frame.left ?? []) seen.delete(userId);
        total = frame.total;
      }
      const now = await ask(first, 'get');
      expect([...seen].sort()).toEqual(now.members?.map(({ userId }) => userId).sort());
    });

    it('ends when it does not want it any longer, or leaves the room', async () => {
      const watching = await watcher();
      expect(await ask(watching, 'unwatch')).not.toHaveProperty('members');
      await join('ada');
      await hasNothing(watching);
      await ask(watching, 'watch');
      watching.client.send({ type: 'unsubscribe', id: 'u', room });
      await watching.client.answer('u');
      await join('jane');
      await hasNothing(watching);
    });

    it('is not there for who is not in the room', async () => {
      const client = await app.connect('token-ada');
      expect(await ask({ client }, 'watch')).toMatchObject({ code: 'not-subscribed' });
    });
  });
});
