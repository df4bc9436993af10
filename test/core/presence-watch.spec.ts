import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { PresenceChange, PresenceSnapshot } from '../../lib/core/index.js';
import { PresenceWatch } from '../../lib/core/presence-watch.js';
import type { PresenceMember, ServerFrame } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { RecordingObserver } from '../support/fakes.js';
import { PresenceView, sorted } from '../support/presence-peers.js';
import { deferred, turn, type Deferred } from '../support/turns.js';

/** A room that the test changes, and a store whose answers the test holds back. */
class Room {
  readonly clock = new ManualClock();
  readonly observer = new RecordingObserver();
  readonly users = new Map<string, PresenceMember>();
  version = 0;
  /** Set: reads wait for it. */
  gate: Deferred<void> | undefined;
  failure: Error | undefined;
  reads = 0;
  /** Called in the middle of each read, after the snapshot is taken. */
  meanwhile: () => void = () => undefined;
  readonly watch: PresenceWatch<string>;

  constructor(countsOnly = false) {
    const { clock, observer } = this;
    const store = { watch: (_: string, most: number) => this.#read(most) };
    this.watch = new PresenceWatch({ store, clock, observer }, 'r', countsOnly);
  }

  /** Somebody comes, or is updated. */
  put(userId: string, info?: unknown): void {
    const hasJoined = !this.users.has(userId);
    const entry = info === undefined ? {} : { info };
    const member = { userId, connections: [{ connectionId: `${userId}-c`, ...entry }] };
    this.users.set(userId, member);
    this.#tell({ userId, member, hasJoined });
  }

  /** Somebody goes. */
  remove(userId: string): void {
    if (!this.users.delete(userId)) return;
    this.#tell({ userId, member: undefined, hasJoined: false });
  }

  fill(count: number, from = 0): void {
    for (let n = from; n < from + count; n += 1) this.put(`u${String(n)}`);
  }

  get members(): PresenceMember[] {
    return [...this.users.values()];
  }

  async #read(most: number): Promise<PresenceSnapshot> {
    this.reads += 1;
    const { version } = this;
    const { size: total } = this.users;
    const snapshot = { version, total, members: total > most ? [] : this.members };
    this.meanwhile();
    await this.gate?.promise;
    if (this.failure !== undefined) throw this.failure;
    return snapshot;
  }

  #tell(change: Omit<PresenceChange, 'version' | 'total'>): void {
    this.version += 1;
    this.watch.changed({ ...change, version: this.version, total: this.users.size });
  }
}

/** One who watches. */
class Client {
  readonly view = new PresenceView();
  readonly #frames: ServerFrame[] = [];
  bytes = 0;
  /** Set: the outbox has no room until it settles. */
  room: Deferred<void> | undefined;

  constructor(private readonly of: Room) {}

  begin(key = 'key'): Promise<boolean> {
    const outbox = {
      sendEncoded: (text: string | Uint8Array) => {
        this.bytes += text.length;
        this.#frames.push(JSON.parse(text as string) as ServerFrame);
      },
      untilRoom: async () => {
        await this.room?.promise;
      },
    };
    return this.of.watch.add(key, 'w', outbox, Promise.resolve());
  }

  /** What came since the last call; the view has it. */
  frames(): ServerFrame[] {
    const frames = this.#frames.splice(0);
    this.view.take(frames);
    return frames;
  }

  /** The same, when what is due now was told. */
  async hear(): Promise<ServerFrame[]> {
    await turn();
    this.of.clock.advance(0);
    await turn();
    return this.frames();
  }
}

let room: Room;
let client: Client;
beforeEach(() => {
  room = new Room();
  client = new Client(room);
});

describe('the state of a room', () => {
  it('comes first; what changes while it is read is held back, what it contains is dropped', async () => {
    room.fill(2);
    room.gate = deferred();
    const begun = client.begin();
    await turn();
    room.put('late');
    expect(await client.hear()).toEqual([]);
    room.gate.resolve();
    await begun;
    expect(client.frames()).toMatchObject([
      { type: 'presence', total: 2 },
      { type: 'presence-change', total: 3, joined: [{ userId: 'late' }] },
    ]);
    expect(await client.hear()).toEqual([]);
    expect(client.view.sorted).toEqual(sorted(room.members));
  });

  it('waits for room in the outbox, and is followed by what changes meanwhile', async () => {
    room.fill(1);
    client.room = deferred();
    const begun = client.begin();
    await turn();
    room.put('late');
    expect(await client.hear()).toEqual([]);
    client.room.resolve();
    await begun;
    expect(client.frames()).toMatchObject([{ total: 1 }, { total: 2 }]);
  });

  it('is read again where more changes meanwhile than is held back', async () => {
    room.fill(1);
    room.meanwhile = () => {
      room.meanwhile = () => undefined;
      for (let n = 0; n < 1_001; n += 1) room.put('u0', n);
    };
    expect(await client.begin()).toBe(true);
    expect(room.reads).toBe(2);
    client.frames();
    expect(client.view.sorted).toEqual(room.members);
  });

  it('is not to be had where that goes on for ever', async () => {
    room.fill(1);
    room.meanwhile = () => {
      for (let n = 0; n < 1_001; n += 1) room.put('u0', n);
    };
    await expect(client.begin()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(room.reads).toBe(3);
    expect(room.watch.isUnused).toBe(true);
  });

  it('that is a number needs only the last of however many changes', async () => {
    room.fill(1_500);
    room.meanwhile = () => {
      room.fill(1_200, 1_500);
    };
    expect(await client.begin()).toBe(true);
    expect(room.reads).toBe(1);
    expect(client.frames()).toMatchObject([{ total: 1_500 }, { total: 2_700 }]);
  });

  it('is read again where changes may have been lost meanwhile', async () => {
    room.fill(1);
    room.meanwhile = () => {
      room.meanwhile = () => undefined;
      room.users.set('unseen', { userId: 'unseen', connections: [{ connectionId: 'c' }] });
      room.version += 1;
      room.watch.missed();
    };
    await client.begin();
    expect(room.reads).toBe(2);
    client.frames();
    expect(client.view.sorted).toEqual(sorted(room.members));
  });

  it('is refused with what the store rejects with, and nobody watches then', async () => {
    room.failure = new Error('no store');
    await expect(client.begin()).rejects.toThrow('no store');
    expect(room.watch.isUnused).toBe(true);
  });

  it('is refused also where the watch has ended meanwhile', async () => {
    room.failure = new Error('no store');
    room.gate = deferred();
    const begun = client.begin();
    await turn();
    expect(room.watch.delete('key')?.hasBegun).toBe(false);
    room.gate.resolve();
    await expect(begun).rejects.toThrow('no store');
  });

  it('is told to the last of several watches of a connection', async () => {
    room.fill(1);
    room.gate = deferred();
    const first = client.begin();
    await turn();
    const second = client.begin();
    await turn();
    room.gate.resolve();
    expect(await Promise.all([first, second])).toEqual([false, true]);
    expect(client.frames()).toHaveLength(1);
  });

  it('is not read for a watch that ends before', async () => {
    const begun = client.begin();
    room.watch.delete('key');
    expect(await begun).toBe(false);
    expect(room.reads).toBe(0);
  });
});

describe('a room that grows beyond 1,000 users', () => {
  beforeEach(async () => {
    room.fill(999);
    await client.begin();
    await client.hear();
  });

  it('makes the list void by a frame with the number only', async () => {
    room.fill(1, 999);
    expect(await client.hear()).toMatchObject([{ total: 1_000, joined: [{ userId: 'u999' }] }]);
    room.fill(1, 1_000);
    await client.hear();
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    expect(client.view.members).toBeUndefined();
  });

  it('gives the whole list again when it has shrunk to 900', async () => {
    room.fill(2, 999);
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    for (let n = 0; n < 100; n += 1) room.remove(`u${String(n)}`);
    room.clock.advance(1_000);
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 901 }]);
    expect(client.view.members).toBeUndefined();
    room.remove('u100');
    const [number, list] = await client.hear();
    expect(number).toEqual({ type: 'presence-change', room: 'r', total: 900 });
    expect(list).toEqual({
      type: 'presence-change',
      room: 'r',
      total: 900,
      joined: room.members,
    });
    room.put('new');
    expect(await client.hear()).toMatchObject([{ total: 901, joined: [{ userId: 'new' }] }]);
    expect(client.view.sorted).toEqual(sorted(room.members));
  });

  it('tells a list to who begins to watch between, and a number to who has it', async () => {
    room.fill(2, 999);
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    for (let n = 0; n < 50; n += 1) room.remove(`u${String(n)}`);
    room.clock.advance(1_000);
    client.frames();
    const late = new Client(room);
    await late.begin('late');
    late.frames();
    room.put('new');
    expect(await late.hear()).toMatchObject([{ total: 952, joined: [{ userId: 'new' }] }]);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 952 }]);
  });

  it('goes on with numbers while the list cannot be read, and tries again', async () => {
    room.fill(2, 999);
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    for (let n = 0; n < 200; n += 1) room.remove(`u${String(n)}`);
    room.failure = new Error('no store');
    room.gate = deferred();
    room.clock.advance(1_000);
    await turn();
    room.remove('u200');
    room.gate.resolve();
    await turn();
    expect(client.frames()).toMatchObject([{ total: 801 }, { total: 800 }]);
    expect(room.observer.failures).toMatchObject([{ where: 'presence' }]);
    room.failure = undefined;
    room.remove('u201');
    await client.hear();
    expect(client.view.sorted).toEqual(sorted(room.members));
  });

  it('goes on with numbers where the list changes faster than it is read', async () => {
    room.fill(2, 999);
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    for (let n = 0; n < 200; n += 1) room.remove(`u${String(n)}`);
    room.meanwhile = () => {
      for (let n = 0; n < 1_001; n += 1) room.put('u500', n);
    };
    room.clock.advance(1_000);
    await turn();
    expect(room.reads).toBe(4);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 801 }]);
    room.meanwhile = () => undefined;
    room.put('u500', 'quiet');
    await client.hear();
    expect(client.view.sorted).toEqual(sorted(room.members));
  });

  it('tells no list to who has left meanwhile', async () => {
    room.fill(2, 999);
    room.clock.advance(1_000);
    expect(client.frames()).toEqual([{ type: 'presence-change', room: 'r', total: 1_001 }]);
    for (let n = 0; n < 200; n += 1) room.remove(`u${String(n)}`);
    room.gate = deferred();
    room.clock.advance(1_000);
    client.frames();
    room.watch.delete('key');
    room.gate.resolve();
    expect(await client.hear()).toEqual([]);
  });
});

describe('many changes', () => {
  it('are told in frames of at most 1,000 of them', async () => {
    await client.begin();
    client.frames();
    room.fill(1_000);
    // Before the turn is over: nothing piles up.
    expect(client.frames()).toMatchObject([{ total: 1_000 }]);
    for (let n = 0; n < 1_000; n += 1) room.remove(`u${String(n)}`);
    room.put('last');
    const frames = await client.hear();
    expect(frames.map((frame) => frame.type === 'presence-change' && frame.total)).toEqual([0, 1]);
  });

  it('that are lost on the way to this node have the list told anew', async () => {
    room.fill(2);
    await client.begin();
    client.frames();
    room.users.delete('u0');
    room.version += 1;
    room.watch.missed();
    expect(await client.hear()).toEqual([
      { type: 'presence-change', room: 'r', total: 1 },
      { type: 'presence-change', room: 'r', total: 1, joined: room.members },
    ]);
    room.put('new');
    expect(await client.hear()).toMatchObject([{ total: 2, joined: [{ userId: 'new' }] }]);
  });

  it('that are lost have a list made void that cannot be read', async () => {
    room.fill(2);
    await client.begin();
    client.frames();
    room.failure = new Error('no store');
    room.watch.missed();
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 2 }]);
  });

  it('that are lost are nothing to who has left meanwhile', async () => {
    room.fill(2);
    await client.begin();
    client.frames();
    room.failure = new Error('no store');
    room.gate = deferred();
    room.watch.missed();
    room.watch.delete('key');
    room.gate.resolve();
    expect(await client.hear()).toEqual([]);
  });

  it('that are lost have the number told anew where that is all that is told', async () => {
    room = new Room(true);
    client = new Client(room);
    room.fill(2);
    await client.begin();
    expect(client.frames()).toEqual([{ type: 'presence', id: 'w', room: 'r', total: 2 }]);
    room.users.delete('u0');
    room.version += 1;
    room.watch.missed();
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 1 }]);
  });
});

describe('a list that is too long', () => {
  const info = 'x'.repeat(1_000);

  it('is a number from the beginning', async () => {
    for (let n = 0; n < 600; n += 1) room.put(`u${String(n)}`, info);
    await client.begin();
    expect(client.frames()).toEqual([{ type: 'presence', id: 'w', room: 'r', total: 600 }]);
    room.put('u600');
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 601 }]);
    expect(room.reads).toBe(1);
  });

  it('becomes a number where it is the change that is too long', async () => {
    await client.begin();
    client.frames();
    for (let n = 0; n < 600; n += 1) room.put(`u${String(n)}`, info);
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 600 }]);
    room.remove('u0');
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 599 }]);
    expect(room.reads).toBe(1);
  });

  it('becomes a number where it is told anew', async () => {
    await client.begin();
    for (let n = 0; n < 600; n += 1) {
      room.put(`u${String(n)}`, info);
      if (n % 100 === 0) await client.hear();
    }
    await client.hear();
    expect(client.view.sorted).toHaveLength(600);
    room.watch.missed();
    expect(await client.hear()).toEqual([{ type: 'presence-change', room: 'r', total: 600 }]);
  });
});

describe('what a watcher knows', () => {
  const users = ['ada', 'bob', '__proto__', 'constructor'];
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ put: fc.constantFrom(...users), info: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.record({ remove: fc.constantFrom(...users) }) },
    { weight: 3, arbitrary: fc.constantFrom('turn', 'watch', 'hold', 'release', 'miss') },
  );

  it('is the room itself, for any sequence of changes and any split into frames', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const of = new Room();
        const one = new Client(of);
        const late = new Client(of);
        await one.begin('one');
        const begun: Promise<boolean>[] = [];
        const hear = async (): Promise<void> => {
          await one.hear();
          late.frames();
        };
        for (const now of steps) {
          if (typeof now !== 'string') {
            if ('put' in now) of.put(now.put, now.info);
            else of.remove(now.remove);
          } else if (now === 'turn') await hear();
          else if (now === 'watch') begun.push(late.begin('late'));
          else if (now === 'hold') of.gate ??= deferred();
          else if (now === 'miss') of.watch.missed();
          else {
            of.gate?.resolve();
            of.gate = undefined;
          }
        }
        of.gate?.resolve();
        await Promise.all(begun);
        await hear();
        for (const { view } of begun.length > 0 ? [one, late] : [one]) {
          expect(view.sorted).toEqual(sorted(of.members));
        }
      }),
      { numRuns: 300 },
    );
  });
});
