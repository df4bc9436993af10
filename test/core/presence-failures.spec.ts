import { beforeEach, describe, expect, it } from '@jest/globals';

import type {
  PresenceListener,
  PresenceRecord,
  PresenceScope,
  PresenceSnapshot,
  PresenceStore,
} from '../../lib/core/index.js';
import type { PresenceEntry } from '../../lib/core/presence-entry.js';
import { PresenceRetries } from '../../lib/core/presence-retries.js';
import { MemoryPresenceStore } from '../../lib/memory/index.js';
import { NodeWorld } from '../support/node-world.js';
import { askPresence, enter, hear, member, watcher } from '../support/presence-peers.js';
import { turn, turns, type Deferred } from '../support/turns.js';

/** A store that fails, or is slow, as long as it is told to. */
class FlakyStore implements PresenceStore {
  readonly calls: string[] = [];
  isDown = false;
  /** Set: puts and removals wait for it. */
  gate: Deferred<void> | undefined;
  listener: PresenceListener | undefined;
  readonly #inner: MemoryPresenceStore;

  constructor(world: NodeWorld) {
    this.#inner = new MemoryPresenceStore(world.clock);
  }

  start(listener: PresenceListener): Promise<void> {
    this.listener = listener;
    return this.#inner.start(listener);
  }

  async put(room: string, record: PresenceRecord): Promise<void> {
    await this.#call(`put ${record.userId}`);
    await this.#inner.put(room, record);
  }

  async remove(room: string, record: PresenceRecord, scope: PresenceScope): Promise<void> {
    await this.#call(`remove ${record.userId} ${scope}`);
    await this.#inner.remove(room, record, scope);
  }

  async read(room: string, most: number): Promise<PresenceSnapshot> {
    await this.#call('read');
    return this.#inner.read(room, most);
  }

  async watch(room: string, most: number): Promise<PresenceSnapshot> {
    await this.#call('watch');
    return this.#inner.watch(room, most);
  }

  async unwatch(room: string): Promise<void> {
    await this.#call('unwatch');
    await this.#inner.unwatch(room);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Who is there, whether or not it is down. */
  async users(): Promise<string[]> {
    const { members } = await this.#inner.read('r', 1_000);
    return members.map(({ userId }) => userId);
  }

  async #call(name: string): Promise<void> {
    this.calls.push(name);
    await this.gate?.promise;
    if (this.isDown) throw new Error('the store is down');
  }
}

let store: FlakyStore;
let world: NodeWorld;
beforeEach(async () => {
  world = await NodeWorld.start({ presence: (of) => (store = new FlakyStore(of)) });
});

async function pass(ms: number): Promise<void> {
  world.clock.advance(ms);
  await turns(2);
}

describe('a presence store that is down', () => {
  it('keeps nobody out of a room, and learns of them when it is back', async () => {
    store.isDown = true;
    for (const user of ['ada', 'bob', 'eve']) await enter(world, user);
    expect(world.observer.failures).toMatchObject([{ where: 'presence' }]);
    await pass(1_000);
    expect(world.observer.failures).toHaveLength(1);
    store.isDown = false;
    await pass(1_000);
    expect(await store.users()).toEqual(['ada', 'bob', 'eve']);
    await pass(10_000);
    expect(store.calls.filter((call) => call.startsWith('put'))).toHaveLength(9);
    store.isDown = true;
    await enter(world, 'late');
    expect(world.observer.failures).toHaveLength(2);
  });

  it('is told of who has left when it is back', async () => {
    const [ada, bob] = [await enter(world, 'ada'), await enter(world, 'bob')];
    store.isDown = true;
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    bob.link.breakOff();
    await pass(12_000);
    expect(await store.users()).toEqual(['ada', 'bob']);
    store.isDown = false;
    await pass(1_000);
    expect(await store.users()).toEqual([]);
    await pass(20_000);
    expect(world.clock.waiting).toBe(0);
  });

  it('is not told of who came and went meanwhile', async () => {
    store.isDown = true;
    const ada = await enter(world, 'ada');
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    store.isDown = false;
    await pass(1_000);
    expect(await store.users()).toEqual([]);
    expect(world.clock.waiting).toBe(0);
  });

  it('is put right also for who changes its mind before', async () => {
    const ada = await enter(world, 'ada');
    store.isDown = true;
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    store.isDown = false;
    await ada.ask({ type: 'subscribe', id: 's', room: 'r' });
    await pass(5_000);
    expect(await store.users()).toEqual(['ada']);
  });

  it('is told of a client that has left as such, also if its connection breaks then', async () => {
    const { rights } = world.directory;
    rights.presence = { graceMs: 0, countsOnly: false, info: () => Promise.resolve(undefined) };
    const ada = await enter(world, 'ada');
    store.isDown = true;
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    ada.link.breakOff();
    store.isDown = false;
    store.calls.length = 0;
    await pass(1_000);
    expect(store.calls).toEqual(['remove ada client']);
  });

  it('is not told of who has left before it was known what everyone may know', async () => {
    let tell!: (info: unknown) => void;
    const info = new Promise<unknown>((resolve) => (tell = resolve));
    world.directory.rights.presence = { graceMs: 0, countsOnly: false, info: () => info };
    const ada = await enter(world, 'ada');
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    tell(1);
    await turns(2);
    expect(store.calls).toEqual([]);
  });

  it('makes an update unavailable that it has not taken', async () => {
    const ada = await enter(world, 'ada');
    const put = store.put.bind(store);
    store.put = () => Promise.reject(new Error('full'));
    expect(await askPresence(ada, 'update', { info: 1 })).toMatchObject([{ code: 'unavailable' }]);
    store.put = put;
    await pass(1_000);
    const [state] = await askPresence(ada, 'get');
    expect(state).toMatchObject({ members: [{ connections: [{ info: 1 }] }] });
  });

  it('makes get, watch, unwatch and update unavailable', async () => {
    const ada = await enter(world, 'ada');
    store.isDown = true;
    for (const action of ['get', 'watch', 'unwatch', 'update'] as const) {
      expect(await askPresence(ada, action)).toMatchObject([
        { type: 'error', id: action, code: 'unavailable', retryable: true },
      ]);
    }
    store.isDown = false;
    await pass(1_000);
    expect(await askPresence(ada, 'watch')).toMatchObject([{ members: [member('ada', ada)] }]);
  });

  it('does not matter to who leaves the room', async () => {
    const peer = await watcher(world);
    store.isDown = true;
    expect(await peer.ask({ type: 'unsubscribe', id: 'u', room: 'r' })).toMatchObject([
      { type: 'unsubscribed' },
    ]);
    expect(world.observer.failures.map(({ where }) => where)).toContain('presence');
    // What comes for a room that nobody here watches is not for anybody.
    store.isDown = false;
    await enter(world, 'ada');
    store.listener?.missed('r');
    expect(await hear(peer, world.clock)).toEqual([]);
  });
});

describe('a presence store that is slow', () => {
  it('is asked for one thing at a time about a connection and a room, the last wish last', async () => {
    let release!: () => void;
    const promise = new Promise<void>((resolve) => (release = resolve));
    store.gate = { promise, resolve: release, reject: () => undefined };
    const ada = await enter(world, 'ada');
    await ada.ask({ type: 'unsubscribe', id: '1', room: 'r' });
    await ada.ask({ type: 'subscribe', id: '2', room: 'r' });
    await ada.ask({ type: 'unsubscribe', id: '3', room: 'r' });
    await ada.ask({ type: 'subscribe', id: '4', room: 'r' });
    expect(store.calls).toEqual(['put ada']);
    release();
    await turns(2);
    expect(await store.users()).toEqual(['ada']);
    expect(store.calls).toEqual(['put ada', 'put ada']);
  });
});

describe('a presence store that has lost the records of this node', () => {
  it('gets those again who are there, a second later', async () => {
    const staying = await enter(world, 'ada');
    const [breaking, leaving] = [await enter(world, 'bob'), await enter(world, 'eve')];
    const broken = await enter(world, 'broken');
    broken.link.breakOff();
    store.calls.length = 0;
    store.listener?.expired();
    await turn();
    // The grace of who broke is over with the record: only the others wait.
    expect(world.clock.waiting).toBe(1);
    breaking.link.breakOff();
    await leaving.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    await pass(900);
    expect(store.calls).toEqual([]);
    await pass(100);
    expect(store.calls).toEqual(['put ada']);
    await pass(20_000);
    expect(store.calls).toEqual(['put ada']);
    staying.link.hangUp();
    await turn();
    expect(store.calls).toEqual(['put ada', 'remove ada client']);
  });

  it('has what was on its way removed if its connection has ended', async () => {
    let release!: () => void;
    const promise = new Promise<void>((resolve) => (release = resolve));
    const ada = await enter(world, 'ada');
    store.gate = { promise, resolve: release, reject: () => undefined };
    void askPresence(ada, 'update', { info: 1 });
    await turn();
    ada.link.breakOff();
    store.listener?.expired();
    store.gate = undefined;
    release();
    await turns(2);
    expect(await store.users()).toEqual([]);
    await pass(20_000);
    expect(world.clock.waiting).toBe(0);
  });

  it('needs not to be told of removals that failed before', async () => {
    const ada = await enter(world, 'ada');
    store.isDown = true;
    await ada.ask({ type: 'unsubscribe', id: 'u', room: 'r' });
    store.calls.length = 0;
    store.listener?.expired();
    await pass(20_000);
    expect(store.calls).toEqual([]);
    expect(world.clock.waiting).toBe(0);
  });
});

describe('entries that are out of step', () => {
  it('are put right 500 a turn, and those that fail again wait for a second', () => {
    const timers: { delayMs: number; run: () => void }[] = [];
    const retries = new PresenceRetries({
      now: () => 0,
      after: (delayMs, run) => {
        timers.push({ delayMs, run });
        return () => undefined;
      },
    });
    const synced: number[] = [];
    const entries = Array.from({ length: 1_200 }, (_, n) => {
      const entry: Pick<PresenceEntry, 'sync'> = {
        sync: () => {
          synced.push(n);
          if (n === 0 && synced.length === 1) retries.add(entry as PresenceEntry);
        },
      };
      return entry as PresenceEntry;
    });
    for (const entry of entries) retries.add(entry);
    const counts = [];
    for (let next = timers.shift(); next !== undefined; next = timers.shift()) {
      next.run();
      counts.push([next.delayMs, synced.length]);
    }
    expect(counts).toEqual([
      [1_000, 500],
      [0, 1_000],
      [0, 1_200],
      [1_000, 1_201],
    ]);
  });
});
