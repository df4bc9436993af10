import { afterEach, describe, expect, it } from '@jest/globals';

import { RealtimeNode } from '../../lib/core/index.js';
import { RealtimeRoom, type RealtimeModuleOptions, type RoomPolicy } from '../../lib/index.js';
import { closeApps, platforms, startApp, type RunningApp } from '../support/nest-app.js';
import { RoomReader } from '../support/room-reader.js';
import { turns, until } from '../support/turns.js';

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@RealtimeRoom('short/:room', { history: { size: 3 } })
class ShortRooms extends ChatRooms {}

@RealtimeRoom('brief/:room', { history: { ttlMs: 0 } })
class BriefRooms extends ChatRooms {}

@RealtimeRoom('none/:room', { history: false })
class ForgetfulRooms extends ChatRooms {}

const MIB = 1_048_576;

@RealtimeRoom('large/:room', { history: { size: 20_000, bytes: 64 * MIB } })
class LargeRooms extends ChatRooms {}

function start(options: RealtimeModuleOptions = {}): Promise<RunningApp> {
  const providers = [ChatRooms, ShortRooms, BriefRooms, ForgetfulRooms, LargeRooms];
  return startApp({ options, providers });
}

/** Publishes `count` messages; their payloads are the numbers after `from`. */
async function publish(app: RunningApp, room: string, count: number, from = 0): Promise<void> {
  for (let n = from + 1; n <= from + count; n += 1) await app.rooms.publish(room, 'n', n);
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

afterEach(closeApps);

describe.each(platforms)('a client that comes back, on %s', (platform) => {
  it('gets what it missed, each message once, and then what is live', async () => {
    const app = await startApp({ platform, providers: [ChatRooms] });
    const before = await RoomReader.open(app, 'chat/x');
    await publish(app, 'chat/x', 2);
    await before.read(2);
    await before.breakOff();
    await publish(app, 'chat/x', 3, 2);
    const after = await RoomReader.open(app, 'chat/x', { from: before.position });
    expect(after.subscribed).toMatchObject({ recovered: true, replayed: 3, offset: 5 });
    await publish(app, 'chat/x', 1, 5);
    await after.read(4);
    expect([...before.payloads, ...after.payloads]).toEqual([1, 2, 3, 4, 5, 6]);
    await after.hasNothing();
  });
});

describe('a client that comes back', () => {
  it('finds the very messages that others got live: id, time, position and text', async () => {
    const app = await start();
    const [ada, jane] = await Promise.all([
      RoomReader.open(app, 'chat/x'),
      RoomReader.open(app, 'chat/x', { user: 'jane' }),
    ]);
    await ada.breakOff();
    await publish(app, 'chat/x', 3);
    const again = await RoomReader.open(app, 'chat/x', { from: ada.position });
    expect((await again.read(3)).messages).toEqual((await jane.read(3)).messages);
  });

  it('R-09 recovers although it never received anything', async () => {
    const app = await start();
    const before = await RoomReader.open(app, 'chat/x');
    expect(before.position.offset).toBe(0);
    await before.breakOff();
    await publish(app, 'chat/x', 1);
    const after = await RoomReader.open(app, 'chat/x', { from: before.position });
    expect(after.subscribed).toMatchObject({ recovered: true, replayed: 1 });
    await after.read(1);
  });

  it.each(['brief/x', 'none/x'])(
    'R-08 recovers in a quiet room after its history is over, not in a busy one: %s',
    async (room) => {
      const app = await start();
      const reader = await RoomReader.open(app, room);
      await publish(app, room, 1);
      await reader.read(1);
      await reader.breakOff();
      const quiet = await RoomReader.open(app, room, { from: reader.position });
      expect(quiet.subscribed).toMatchObject({ recovered: true, replayed: 0 });
      await quiet.breakOff();
      await publish(app, room, 1);
      const busy = await RoomReader.open(app, room, { from: reader.position });
      expect(busy.subscribed).toMatchObject({ recovered: false, reason: 'evicted', offset: 2 });
      await publish(app, room, 1);
      expect((await busy.read(1)).offsets).toEqual([3]);
    },
  );

  it('gets all of what is still held, and nothing of what is not whole', async () => {
    const app = await start();
    const reader = await RoomReader.open(app, 'short/x');
    await reader.breakOff();
    await publish(app, 'short/x', 3);
    const lucky = await RoomReader.open(app, 'short/x', { from: reader.position });
    expect(lucky.subscribed).toMatchObject({ recovered: true, replayed: 3 });
    await lucky.read(3);
    await publish(app, 'short/x', 1);
    const late = await RoomReader.open(app, 'short/x', { from: reader.position });
    expect(late.subscribed).toMatchObject({ recovered: false, reason: 'evicted', offset: 4 });
    await late.hasNothing();
  });

  it('is told when it missed more than is replayed', async () => {
    const app = await start({ limits: { replayMessages: 5 } });
    const reader = await RoomReader.open(app, 'chat/x');
    await publish(app, 'chat/x', 5);
    const five = await RoomReader.open(app, 'chat/x', { from: reader.position });
    expect(five.subscribed).toMatchObject({ recovered: true, replayed: 5 });
    await publish(app, 'chat/x', 1);
    const six = await RoomReader.open(app, 'chat/x', { from: reader.position });
    expect(six.subscribed).toMatchObject({ recovered: false, reason: 'limit', offset: 6 });
    await six.hasNothing();
  });

  it.each<[string, { epoch?: string; offset?: number }, string]>([
    ['another epoch', { epoch: 'other', offset: 1 }, 'epoch-changed'],
    ['no epoch', { offset: 1 }, 'position-unknown'],
    ['no offset', { epoch: '' }, 'position-unknown'],
    ['an offset beyond the top', { epoch: '', offset: 4 }, 'position-unknown'],
    ['a negative offset', { epoch: '', offset: -1 }, 'position-unknown'],
    ['half an offset', { epoch: '', offset: 1.5 }, 'position-unknown'],
    ['an unsafe offset', { epoch: '', offset: 2 ** 53 }, 'position-unknown'],
  ])('P-15 recovers nothing with %s', async (_what, claim, reason) => {
    const app = await start();
    await publish(app, 'chat/x', 3);
    const { epoch } = await app.rooms.position('chat/x');
    const from = claim.epoch === '' ? { ...claim, epoch } : claim;
    const reader = await RoomReader.open(app, 'chat/x', { from });
    expect(reader.subscribed).toMatchObject({ recovered: false, reason, offset: 3 });
    await reader.hasNothing();
  });

  it('comes back into each of its rooms by its own position', async () => {
    const app = await start();
    await publish(app, 'chat/a', 2);
    await publish(app, 'short/b', 5);
    const [a, b] = [await app.rooms.position('chat/a'), await app.rooms.position('short/b')];
    const client = await app.open();
    client.send({
      type: 'hello',
      token: 'token-ada',
      rooms: [
        { room: 'chat/a', ...a, offset: 1 },
        { room: 'short/b', ...b, offset: 1 },
        { room: 'chat/new' },
      ],
    });
    await client.next('connected');
    const answers = [1, 2, 3].map(() => client.next('subscribed'));
    expect(await Promise.all(answers)).toEqual([
      expect.objectContaining({ room: 'chat/a', recovered: true, replayed: 1 }),
      expect.objectContaining({ room: 'short/b', recovered: false, reason: 'evicted' }),
      expect.not.objectContaining({ recovered: expect.anything() }),
    ]);
    expect(await client.next('message')).toMatchObject({ room: 'chat/a', offset: 2 });
  });

  it('begins anew where it is when it subscribes again with a position', async () => {
    const app = await start();
    const reader = await RoomReader.open(app, 'chat/x');
    const { position } = reader;
    await publish(app, 'chat/x', 3);
    await reader.read(3);
    reader.client.send({ type: 'subscribe', id: '1', room: 'chat/x', ...position });
    expect(await reader.client.answer('1')).toMatchObject({ recovered: true, replayed: 3 });
    for (const offset of [1, 2, 3]) {
      expect(await reader.client.next('message')).toMatchObject({ offset });
    }
    await publish(app, 'chat/x', 1);
    expect(await reader.client.next('message')).toMatchObject({ offset: 4 });
    await reader.hasNothing();
  });

  it('is told positions in place of the messages that were not for it', async () => {
    const app = await start();
    const reader = await RoomReader.open(app, 'chat/x');
    const id = (await app.rooms.members('chat/x'))[0]?.connectionId ?? '';
    await app.rooms.publish('chat/x', 'n', 1, { except: id });
    await publish(app, 'chat/x', 1, 1);
    expect((await reader.read(2)).payloads).toEqual([2]);
  });

  it('R-07 gets everything although the link dies again and again while it recovers', async () => {
    const app = await start();
    const first = await RoomReader.open(app, 'chat/x');
    await publish(app, 'chat/x', 500);
    await first.read(1);
    await first.breakOff();
    const seen = first.payloads;
    let from = first.position;
    while (seen.length < 500) {
      const reader = await RoomReader.open(app, 'chat/x', { from });
      expect(reader.subscribed).toMatchObject({ recovered: true, replayed: 500 - seen.length });
      await reader.read(Math.min(71, 500 - seen.length));
      await reader.breakOff();
      seen.push(...reader.payloads);
      from = reader.position;
    }
    expect(seen).toEqual(numbers(1, 500));
  });
});

const LARGE = 'x'.repeat(65_536);

/** Waits until the server holds a large message back because a client does not read. */
async function untilServerWaits(app: RunningApp): Promise<void> {
  const { hub } = app.app.get(RealtimeNode);
  await until(() => [...hub.connections].some(({ outbox }) => !outbox.hasRoom(2 * LARGE.length)));
}

describe('a client that reads slowly', () => {
  it('R-10 gets 10 000 missed messages in order, while others are published', async () => {
    const app = await start();
    const room = 'large/x';
    const away = await RoomReader.open(app, room);
    await away.breakOff();
    const text = 'x'.repeat(1_500);
    for (let n = 1; n <= 10_000; n += 1) await app.rooms.publish(room, 'n', { n, text });
    const reader = await RoomReader.open(app, room, { from: away.position });
    expect(reader.subscribed).toMatchObject({ recovered: true, replayed: 10_000 });
    for (let read = 0; read < 10_000; read += 500) {
      reader.client.socket.pause();
      await app.rooms.publish(room, 'n', { n: 10_001 + read / 500, text });
      await turns(20);
      reader.client.socket.resume();
      await reader.read(500);
    }
    await reader.read(20);
    expect(reader.messages.map(({ payload }) => (payload as { n: number }).n)).toEqual(
      numbers(1, 10_020),
    );
    expect(reader.gaps).toEqual([]);
    await reader.hasNothing();
  }, 30_000);

  it('is told by a gap when what it was promised is evicted before it has read it', async () => {
    const app = await start({ rooms: { history: { size: 300, bytes: 64 * MIB } } });
    const room = 'chat/x';
    const away = await RoomReader.open(app, room);
    await away.breakOff();
    for (let n = 0; n < 300; n += 1) await app.rooms.publish(room, 'n', LARGE);
    const reader = await RoomReader.open(app, room, { from: away.position });
    expect(reader.subscribed).toMatchObject({ recovered: true, replayed: 300 });
    reader.client.socket.pause();
    await untilServerWaits(app);
    for (let n = 0; n < 300; n += 1) await app.rooms.publish(room, 'n', LARGE);
    reader.client.socket.resume();
    while (reader.gaps.length === 0) await reader.read(1);
    const lastBefore = reader.offsets.at(-1) ?? 0;
    expect(lastBefore).toBeLessThan(300);
    expect(reader.gaps).toEqual([
      { type: 'gap', room, ...(await app.rooms.position(room)), reason: 'evicted' },
    ]);
    await app.rooms.publish(room, 'n', 'live');
    await reader.read(1);
    expect(reader.messages.at(-1)).toMatchObject({ payload: 'live', offset: 601 });
    await reader.hasNothing();
  }, 30_000);

  it('does not keep others waiting', async () => {
    const app = await start();
    const room = 'large/x';
    const away = await RoomReader.open(app, room);
    await away.breakOff();
    for (let n = 0; n < 300; n += 1) await app.rooms.publish(room, 'n', LARGE);
    const slow = await RoomReader.open(app, room, { from: away.position });
    slow.client.socket.pause();
    await untilServerWaits(app);
    const quick = await RoomReader.open(app, room, { user: 'jane' });
    await app.rooms.publish(room, 'n', 'live');
    expect((await quick.read(1)).payloads).toEqual(['live']);
    slow.client.socket.resume();
    await slow.read(301);
  }, 30_000);
});
