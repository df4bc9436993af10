/** N-02: a node that stands still for longer than its lease, and goes on. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { HistoryRecord } from '../checker/history.js';
import { startNodeProcess, type NodeProcess } from '../support/node-process.js';
import { RecordedRoom, type RecordedClient } from '../support/recorded-clients.js';
import { repeat, startRedis, type RedisServer } from '../support/redis-server.js';
import { freshKeys } from '../support/redis-world.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const ROOM = 'chat/general';
const LEASE_MS = 2_000;

let server: RedisServer;
let stopping: NodeProcess;
let peer: NodeProcess;
/** By which a client comes to one node, and later to the other. */
let door: TcpProxy;
let room: RecordedRoom;

beforeEach(async () => {
  server = await startRedis();
  const { prefix } = freshKeys();
  const redis = { url: server.url, prefix, leaseMs: LEASE_MS };
  [stopping, peer] = await Promise.all([startNodeProcess(redis), startNodeProcess(redis)]);
  door = await TcpProxy.start(stopping);
  room = new RecordedRoom(ROOM);
});

afterEach(async () => {
  room.close();
  await door.stop();
  // A process that stands still ends by SIGKILL as well.
  await Promise.all([stopping.kill(), peer.kill()]);
  await server.stop();
});

/** Ada, Dave and Eve on the node that will stand still, Bob and Carol on the other; everybody knows of everybody. */
async function gather(): Promise<Record<'ada' | 'dave' | 'eve' | 'bob' | 'carol', RecordedClient>> {
  const clients = {
    ada: room.add('ada', stopping.url),
    dave: room.add('dave', stopping.url),
    eve: room.add('eve', stopping.url.replace(/:\d+/, `:${String(door.port)}`)),
    bob: room.add('bob', peer.url),
    carol: room.add('carol', peer.url),
  };
  for (const { room: joined } of room.clients) await joined.subscribe();
  await repeat(async () => (await clients.carol.room.presence.get()).total === 5);
  clients.bob.watchPresence();
  await repeat(() =>
    Promise.resolve(heard((record) => record.type === 'presence.state').length > 0),
  );
  return clients;
}

/** What Bob was told of who is there. */
function heard(matches: (record: HistoryRecord) => boolean): HistoryRecord[] {
  return room.recorder.records.filter(
    (record) => record.p.startsWith('bob link') && matches(record),
  );
}

/** How often Bob was told that somebody came, or left. */
function told(type: 'presence.join' | 'presence.leave', member: string): number {
  return heard((record) => record.type === type && record.member === member).length;
}

/** Publishes, and gives how long the slowest took, in milliseconds. */
async function publish(by: RecordedClient, count: number): Promise<number> {
  let slowest = 0;
  for (let n = 0; n < count; n += 1) {
    const begun = performance.now();
    await by.publish();
    slowest = Math.max(slowest, performance.now() - begun);
  }
  return slowest;
}

describe('N-02 a node that stands still and goes on', () => {
  it('loses its members once, holds up nobody, delivers nothing out of order and revives nobody', async () => {
    const { dave, eve, carol } = await gather();
    await publish(carol, 10);
    await room.allHave('carol/10');

    stopping.process.kill('SIGSTOP');
    dave.sdk.close();
    door.target = peer;
    door.cut();
    const slowest = await publish(carol, 200);
    for (const member of ['ada', 'dave']) {
      await repeat(() => Promise.resolve(told('presence.leave', member) === 1));
    }
    await repeat(() => Promise.resolve(eve.seen.has('carol/210')));
    await publish(carol, 10);
    // Nobody waited for the node that stands still.
    expect(slowest).toBeLessThan(1_000);

    stopping.process.kill('SIGCONT');
    await repeat(() => Promise.resolve(told('presence.join', 'ada') === 1));
    await publish(carol, 10);
    await room.allHave('carol/230', 10_000, [dave]);
    await repeat(async () => (await carol.room.presence.get()).total === 4);
    const { members } = await carol.room.presence.get();
    const now = [...(members?.keys() ?? [])];
    room.recorder.note({ type: 'presence.final', p: 'oracle', room: ROOM, members: now });

    expect(room.complaints({ expectLive: false })).toBe('');
    expect(room.losses).toEqual([]);
    expect(now.toSorted()).toEqual(['ada', 'bob', 'carol', 'eve']);
    expect(told('presence.leave', 'ada')).toBe(1);
    // He left while nobody on his node could know.
    expect([told('presence.leave', 'dave'), told('presence.join', 'dave')]).toEqual([1, 0]);
    // She has come to the other node before her old one was given up: nobody saw her leave or come.
    expect(told('presence.leave', 'eve') + told('presence.join', 'eve')).toBe(0);
    expect(members?.get('eve')?.connections).toHaveLength(1);
  });
});
