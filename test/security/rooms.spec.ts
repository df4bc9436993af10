/** Section D of the catalogue, as far as names and numbers of rooms go. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { isRoomName } from '../../lib/protocol/index.js';
import { Door } from '../support/security-app.js';
import { RawPeer } from '../support/security-raw.js';

let door: Door;

beforeAll(async () => {
  // As many frames as the tests send at once: what is behind the rate limit is tested here.
  door = await Door.open({ options: { limits: { attemptBurst: 10_000, messageBurst: 20_000 } } });
});

afterAll(async () => {
  await door.close();
});

const NO_NAMES = [
  '',
  '/',
  'a//b',
  '/a',
  'a/',
  'a b',
  'a{b}',
  '{a}:b',
  'a*',
  'a?',
  'a\nb',
  'a\u0000b',
  'a#b',
  'a%2fb',
  'caf\u00e9',
  'cafe\u0301',
  '\ufb01',
  '\u202eabc',
  '\ud800',
  'x'.repeat(201),
  'x'.repeat(500_000),
];

it.each(NO_NAMES.map((name) => [name.slice(0, 20), name] as const))(
  'R-01 refuses %j as a room, from clients and from the application',
  async (_, name) => {
    const peer = await RawPeer.open(door.port);
    for (const type of ['subscribe', 'unsubscribe', 'publish']) {
      peer.send({ type, id: '1', room: name, event: 'note' });
      expect(await peer.nextJson()).toMatchObject({ type: 'error', code: 'invalid-field' });
    }
    await expect(door.rooms.publish(name, 'note')).rejects.toMatchObject({ code: 'invalid-field' });
    peer.socket.destroy();
  },
);

it('R-01 gives names with dots and colons no meaning', async () => {
  const client = await door.connect();
  for (const [index, room] of [
    'open/..',
    'open/../admin',
    'open/a:b',
    'open/~',
    'open/@',
  ].entries()) {
    client.send({ type: 'subscribe', id: String(index), room });
    expect(await client.answer(String(index))).toMatchObject({ type: 'subscribed', room });
  }
  // No path is resolved: it is neither the room above nor another one of the class.
  expect(await door.rooms.size('admin')).toBe(0);
  expect(await door.rooms.size('open/admin')).toBe(0);
  client.send({ type: 'subscribe', id: 'x', room: '../open/a' });
  expect(await client.answer('x')).toMatchObject({ code: 'unknown-room' });
  await client.close();
});

const SEGMENT = fc.stringMatching(/^[A-Za-z0-9._~@:-]{1,8}$/);

it('R-01 keeps any two rooms apart, in positions and in messages', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.array(SEGMENT, { minLength: 1, maxLength: 3 }), {
        minLength: 2,
        maxLength: 6,
        selector: (segments) => segments.join('/'),
      }),
      async (names) => {
        const client = await door.connect();
        const rooms = names.map((segments) => `open/${segments.join('/')}`);
        expect(rooms.every(isRoomName)).toBe(true);
        for (const [index, room] of rooms.entries()) {
          client.send({ type: 'subscribe', id: `s${String(index)}`, room });
          await client.answer(`s${String(index)}`);
        }
        for (const [index, room] of rooms.entries()) {
          const before = await client.request(`r${String(index)}`, 'echo', room);
          expect(before).toMatchObject({ payload: room });
          await door.rooms.publish(room, 'note', room);
          expect(await client.next('message')).toMatchObject({ room, payload: room });
        }
        expect(client.unread).toEqual([]);
        await client.close();
      },
    ),
    { numRuns: 30 },
  );
}, 20_000);

// The broker of one process has neither hash tags nor tenants: rooms are keys of a Map. That names
// cannot steer either is the grammar's doing, and what the Redis broker will build its keys from.
it('R-02 lets no name through that could steer a hash tag', async () => {
  const client = await door.connect();
  for (const room of ['open/{a}', 'open/{', 'open/}', '{open}/a', 'open/a{b}c']) {
    client.send({ type: 'subscribe', id: room, room });
    expect(await client.answer(room)).toMatchObject({ code: 'invalid-field' });
  }
  await client.close();
});

it('R-03 keeps rooms apart whose parts only add up to the same text', async () => {
  const client = await door.connect();
  const rooms = ['open/a:b/c', 'open/a/b:c', 'open/a:b:c', 'open/a/b/c'];
  for (const room of rooms) {
    client.send({ type: 'subscribe', id: room, room });
    await client.answer(room);
  }
  for (const room of rooms) {
    await door.rooms.publish(room, 'note', room);
    expect(await client.next('message')).toMatchObject({ room, offset: 1, payload: room });
  }
  expect(client.unread).toEqual([]);
  await client.close();
});

it('R-04 lets a connection into 100 rooms of 10,000, and half into none', async () => {
  const peer = await RawPeer.open(door.port, 'token-greedy');
  const before = door.node.rooms.size;
  for (let index = 0; index < 10_000; index += 1)
    peer.send({ type: 'subscribe', id: String(index), room: `open/r${String(index)}` });
  const outcomes = new Map<unknown, number>();
  for (let index = 0; index < 10_000; index += 1) {
    const answer = await peer.nextJson();
    expect(answer['id']).toBe(String(index));
    const outcome = answer['code'] ?? answer['type'];
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }

  expect(Object.fromEntries(outcomes)).toEqual({ subscribed: 100, 'too-many-rooms': 9_900 });
  expect(door.node.rooms.size - before).toBe(100);
  expect([...door.gateway.clients].find(({ user }) => user.id === 'greedy')?.rooms).toHaveLength(
    100,
  );
  peer.socket.destroy();
});

it('R-04 lets a hello into no more rooms than that', async () => {
  const rooms = Array.from({ length: 150 }, (_, index) => ({ room: `open/h${String(index)}` }));
  const peer = await RawPeer.upgrade(door.port);
  peer.send({ type: 'hello', token: 'token-greedy', rooms });
  await peer.nextJson('connected');
  const answers: Record<string, unknown>[] = [];
  for (let index = 0; index < 150; index += 1) answers.push(await peer.nextJson());

  expect(answers.filter(({ type }) => type === 'subscribed')).toHaveLength(100);
  expect(answers.filter(({ reason }) => reason === 'too-many-rooms')).toHaveLength(50);
  peer.socket.destroy();
});
