/** G-03: three nodes behind a load balancer are replaced one after another while everybody talks. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { history } from '../../lib/client/index.js';
import type { Said } from '../simulation/recorder.js';
import { RecordedRoom } from '../support/recorded-clients.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { RoundRobin } from '../support/round-robin.js';
import { DrainProcess } from './support/drain-process.js';

const NODES = 3;
const CLIENTS = 50;
const PUBLISHERS = 5;
/** Milliseconds between two messages of a publisher. */
const PACE_MS = 40;

let redis: RedisServer;
let balancer: RoundRobin;
let nodes: DrainProcess[] = [];
let crowd: Crowd | undefined;

beforeEach(async () => {
  redis = await startRedis();
  nodes = await Promise.all(Array.from({ length: NODES }, startNode));
  balancer = await RoundRobin.start(nodes);
});

afterEach(async () => {
  crowd?.room.close();
  await Promise.all(nodes.map((node) => node.kill()));
  await balancer.stop();
  await redis.stop();
});

function startNode(): Promise<DrainProcess> {
  return DrainProcess.start({
    realtime: { redis: { url: redis.url }, shutdown: { drainMs: 5_000 } },
  });
}

/** As a deploy does it: a node is taken out of service, ended, and replaced. */
async function replaceEach(): Promise<(number | null)[]> {
  const codes = [];
  for (const old of [...nodes]) {
    balancer.targets = nodes.filter((node) => node !== old);
    const { code } = await old.stop();
    codes.push(code);
    nodes = [...balancer.targets, await startNode()] as DrainProcess[];
    balancer.targets = nodes;
  }
  return codes;
}

/** A crowd in one room, some of which talk until they are told to stop. */
class Crowd {
  readonly room = new RecordedRoom('chat/hall');
  /** Who was without a connection, and why. */
  readonly breaks: unknown[] = [];
  #isTalking = true;
  #talk: Promise<void>[] = [];

  async join(): Promise<void> {
    for (let n = 0; n < CLIENTS; n += 1) this.room.add(`u${String(n)}`, balancer.url);
    await Promise.all(this.room.clients.map(({ room }) => room.subscribe()));
    for (const { user, sdk } of this.room.clients) {
      sdk.on('state', (change) => this.breaks.push({ user, ...change }));
    }
    this.#talk = this.room.clients.slice(0, PUBLISHERS).map(async (client) => {
      while (this.#isTalking) {
        await client.publish();
        await new Promise((resolve) => setTimeout(resolve, PACE_MS));
      }
    });
  }

  /** Resolves when everybody has everything. */
  async rest(): Promise<void> {
    this.#isTalking = false;
    await Promise.all(this.#talk);
    const { clients } = this.room;
    await clients[0]?.publish();
    const last = this.room.recorder.records.findLast(({ type }) => type === 'pub.ok');
    await this.room.allHave(last?.type === 'pub.ok' ? last.id : '');
    await this.#noteFinal();
  }

  /** What the store holds in the end, as the first client is told. */
  async #noteFinal(): Promise<void> {
    const [client] = this.room.clients;
    if (client === undefined) return;
    const { sdk, room } = client;
    const held: { offset: number; id: string }[] = [];
    for (let page = await history(sdk, room.name); ;) {
      for (const { position, payload } of page.messages) {
        held.push({ offset: position?.offset ?? 0, id: (payload as Said).id });
      }
      const after = page.messages.at(-1)?.position;
      if (page.complete || after === undefined) {
        const { name: roomName, recorder } = this.room;
        const end = { epoch: page.position.epoch, oldest: held[0]?.offset ?? 1, messages: held };
        recorder.note({ type: 'final', p: 'oracle', room: roomName, ...end });
        return;
      }
      page = await history(sdk, room.name, { after });
    }
  }
}

describe('a rolling deploy', () => {
  it('G-03 loses, doubles and reorders nothing, and moves each client once a node at most', async () => {
    crowd = new Crowd();
    await crowd.join();
    expect(await replaceEach()).toEqual([0, 0, 0]);
    await crowd.rest();
    const { room } = crowd;
    expect(room.complaints()).toBe('');
    expect(room.losses).toEqual([]);
    // Each is connected to the next node before it leaves the last one.
    expect(crowd.breaks).toEqual([]);
    const published = room.recorder.records.filter(({ type }) => type === 'pub.maybe');
    expect(published).toEqual([]);
    const moves = room.clients.map(({ sockets }) => sockets.length - 1);
    expect(Math.max(...moves)).toBeLessThanOrEqual(NODES);
    expect(Math.min(...moves)).toBeGreaterThanOrEqual(1);
  });
});
