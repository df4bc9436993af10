import { describe, expect, it } from '@jest/globals';

import type { Broker } from '../../lib/core/index.js';
import { MemoryPresenceBook, MemoryPresenceStore } from '../../lib/memory/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CutClock } from '../support/cut-clock.js';
import { NodeWorld, type Peer } from '../support/node-world.js';
import {
  askPresence,
  enter,
  hear,
  member,
  passTurn,
  PresenceView,
  sorted,
  watcher,
  type Arrival,
} from '../support/presence-peers.js';
import { SharedBroker } from '../support/shared-broker.js';
import { turn, turns } from '../support/turns.js';

const LEASE_MS = 10_000;

/** A node of several, whose time can be cut. */
interface Node {
  readonly world: NodeWorld;
  readonly clock: CutClock;
}

/** Nodes that share everything but their time's standing still. */
async function nodes(
  count: number,
  wrap: (broker: Broker, n: number) => Broker = (broker) => broker,
): Promise<{ clock: ManualClock; nodes: Node[] }> {
  const clock = new ManualClock();
  const book = new MemoryPresenceBook();
  const shared = new SharedBroker();
  const made: Node[] = [];
  for (let n = 0; n < count; n += 1) {
    const cut = new CutClock(clock);
    const world = await NodeWorld.start({
      // A node stands still as a whole: its own timers and its store's.
      clock: Object.assign(Object.create(clock) as ManualClock, {
        now: () => cut.now(),
        after: cut.after.bind(cut),
        advance: clock.advance.bind(clock),
      }),
      name: `n${String(n)}`,
      broker: () => wrap(shared.forNode(), n),
      presence: () => new MemoryPresenceStore(cut, { book, leaseMs: LEASE_MS }),
    });
    made.push({ world, clock: cut });
  }
  return { clock, nodes: made };
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    clock.advance(500);
    await turn();
  }
}

function first<T>(list: readonly T[], index = 0): T {
  const item = list[index];
  if (item === undefined) throw new Error('expected more of them');
  return item;
}

describe('R-12 a node that is killed with 1,000 members', () => {
  it('has exactly one leave of each within the lease, on all other nodes', async () => {
    const { clock, nodes: all } = await nodes(3);
    const dying = first(all);
    // Two rooms: one of more than 1,000 would tell a number only.
    const rooms = ['r', 's'];
    const watching: Peer[] = [];
    for (const { world } of all.slice(1)) {
      for (const room of rooms) {
        const peer = await enter(world, 'watcher', { room });
        await askPresence(peer, 'watch', { room });
        watching.push(peer);
      }
    }
    const users = Array.from({ length: 1_000 }, (_, n) => `user-${String(n)}`);
    const roomOf = (_: unknown, n: number): string => rooms[n % 2] ?? 'r';
    await Promise.all(users.map((user, n) => enter(dying.world, user, { room: roomOf(user, n) })));
    await pass(clock, LEASE_MS * 1.5);
    for (const peer of watching) peer.frames();
    dying.clock.cut();
    await pass(clock, LEASE_MS);
    for (const [index, peer] of watching.entries()) {
      const left = peer
        .frames()
        .flatMap((frame) => (frame.type === 'presence-change' ? (frame.left ?? []) : []));
      const due = users.filter((user, n) => roomOf(user, n) === roomOf(user, index));
      expect(left.toSorted()).toEqual(due.toSorted());
    }
    await pass(clock, LEASE_MS * 2);
    for (const peer of watching) expect(peer.frames()).toEqual([]);
    expect(await askPresence(first(watching), 'get')).toMatchObject([{ total: 1 }]);
  });
});

describe('R-13 a node that is stopped and continued', () => {
  it('has its members leave once and join once, and brings nobody back who has gone', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [stopped, living] = [first(all), first(all, 1)];
    const watching = await watcher(living.world);
    const peers = new Map<string, Peer>();
    for (const user of ['stays', 'gone', 'moves', 'left', 'away']) {
      peers.set(user, await enter(stopped.world, user, { clientKey: 'laptop' }));
    }
    const peer = (user: string): Peer => peers.get(user) ?? watching;
    await hear(watching, clock);
    // Its grace has begun, and is over before the node goes on.
    peer('away').link.breakOff();
    stopped.clock.cut();
    clock.advance(1);
    const moved = await enter(living.world, 'moves', { clientKey: 'laptop' });
    await pass(clock, LEASE_MS * 2);
    const view = new PresenceView();
    view.take([{ type: 'presence', id: '', room: 'r', total: 6, members: membersOf(peers) }]);
    view.members?.set('watcher', member('watcher', watching));
    view.take(watching.frames());
    expect(view.events.toSorted()).toEqual(['-away', '-gone', '-left', '-stays']);
    // The node goes on: its timers come first, then what its sockets have to tell.
    stopped.clock.restore();
    peer('gone').link.breakOff();
    peer('left').say({ type: 'unsubscribe', id: 'u', room: 'r' });
    await pass(clock, LEASE_MS * 3);
    view.take(watching.frames());
    expect(view.events.slice(4)).toEqual(['+stays']);
    expect(view.sorted).toEqual(
      sorted([member('moves', moved), member('stays', peer('stays')), member('watcher', watching)]),
    );
    expect(await askPresence(watching, 'get')).toMatchObject([{ total: 3 }]);
  });

  function membersOf(peers: ReadonlyMap<string, Peer>): ReturnType<typeof member>[] {
    const members = [...peers].map(([user, peer]) => member(user, peer));
    return [...members, { userId: 'watcher', connections: [] }];
  }

  it('shows a client that is elsewhere by its stale connection at most, and has it neither leave nor join', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [stopped, living] = [first(all), first(all, 1)];
    const watching = await watcher(living.world);
    const stale = await enter(stopped.world, 'ada', { clientKey: 'laptop', attempt: 1 });
    await hear(watching, clock);
    stopped.clock.cut();
    // Not closed by 4409: its client does not count.
    const present = await enter(living.world, 'ada', { clientKey: 'laptop', attempt: 1 });
    await pass(clock, LEASE_MS * 2);
    expect(watching.frames()).toMatchObject([{ updated: [member('ada', present)] }]);
    stopped.clock.restore();
    await pass(clock, 2_000);
    expect(watching.frames()).toMatchObject([{ updated: [member('ada', stale)] }]);
    stale.link.breakOff();
    await pass(clock, LEASE_MS * 2);
    expect(watching.frames()).toMatchObject([{ updated: [member('ada', present)] }]);
  });

  it('puts thousands back', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [stopped, living] = [first(all), first(all, 1)];
    const users = Array.from({ length: 1_200 }, (_, n) => `user-${String(n)}`);
    await Promise.all(users.map((user) => enter(stopped.world, user)));
    stopped.clock.cut();
    await pass(clock, LEASE_MS * 2);
    expect((await living.world.presence.read('r', 0)).total).toBe(0);
    stopped.clock.restore();
    await pass(clock, 1_500);
    expect((await living.world.presence.read('r', 0)).total).toBe(1_200);
  });
});

describe('R-15 a room of 5,000 that 5,000 join', () => {
  it('tells a number beyond 1,000, and each watcher a bounded number of bytes', async () => {
    const world = await NodeWorld.start();
    const watching = await watcher(world);
    const users = Array.from({ length: 9_999 }, (_, n) => `user-${String(n)}`);
    const batches = Array.from({ length: 100 }, (_, n) => users.slice(n * 100, (n + 1) * 100));
    const peers: Peer[] = [];
    const texts = (): string[] => watching.link.received.splice(0);
    texts();
    let listed = 0;
    let counted = 0;
    for (const batch of batches) {
      peers.push(...(await Promise.all(batch.map((user) => enter(world, user)))));
      await passTurn(world.clock);
      world.clock.advance(100);
      for (const text of texts()) {
        if (text.includes('"joined"')) listed += text.length;
        else counted += text.length;
        expect(JSON.parse(text)).toMatchObject({ type: 'presence-change' });
      }
    }
    // 999 members in as few frames as turns, and then a number a second, whoever comes.
    expect(listed).toBeLessThan(1_000 * 90);
    expect(counted).toBeLessThan(15 * 70);
    world.clock.advance(1_000);
    expect(texts().map((text) => JSON.parse(text) as unknown)).toEqual([
      { type: 'presence-change', room: 'r', total: 10_000 },
    ]);
    const [state] = await askPresence(first(peers), 'watch');
    expect(state).toEqual({ type: 'presence', id: 'watch', room: 'r', total: 10_000 });
  });
});

describe('a rolling deploy', () => {
  it('is no leave and join for clients that come back to another node within the lease', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [old, young] = [first(all), first(all, 1)];
    const watching = await watcher(young.world);
    const ada = await enter(old.world, 'ada', { clientKey: 'laptop' });
    await enter(old.world, 'bob', { clientKey: 'laptop' });
    await hear(watching, clock);
    await old.world.node.drain({ drainMs: 0, spreadMs: 0 });
    expect(ada.link.peerEnd?.code).toBe(1001);
    await old.world.node.close();
    await pass(clock, LEASE_MS - 1_000);
    expect(watching.frames()).toEqual([]);
    const again = await enter(young.world, 'ada', { clientKey: 'laptop' });
    expect(await hear(watching, clock)).toMatchObject([{ updated: [member('ada', again)] }]);
    await pass(clock, LEASE_MS * 2);
    expect(watching.frames()).toMatchObject([{ total: 2, left: ['bob'] }]);
  });
});

describe('4409 on several nodes', () => {
  it('closes the older connection, wherever it is', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [one, two] = [first(all).world, first(all, 1).world];
    const older = await enter(one, 'ada', { clientKey: 'laptop' });
    const others = [
      await enter(one, 'ada', { clientKey: 'phone' }),
      await enter(one, 'bob', { clientKey: 'laptop' }),
    ];
    clock.advance(1);
    const newer = await enter(two, 'ada', { clientKey: 'laptop' });
    await turns(2);
    expect(older.link.peerEnd?.code).toBe(4409);
    for (const { link } of [newer, ...others]) expect(link.peerEnd).toBeUndefined();
  });

  it.each<[string, number[]]>([
    ['that its client has numbered', [1, 2]],
    ['by the time at which it began', []],
  ])('does not close a newer connection by a late word of an older one %s', async (_, attempts) => {
    const waiting: (() => void)[] = [];
    const { clock, nodes: all } = await nodes(2, (broker, n) => ({
      ...broker,
      command: async (command) => {
        if (n === 0) await new Promise<void>((resolve) => waiting.push(resolve));
        await broker.command(command);
      },
    }));
    const [one, two] = [first(all).world, first(all, 1).world];
    const arrival = (n: number): Arrival => {
      const attempt = attempts[n];
      return { clientKey: 'laptop', ...(attempt === undefined ? {} : { attempt }) };
    };
    const older = await enter(one, 'ada', arrival(0));
    older.link.breakOff();
    clock.advance(1);
    const newer = await enter(two, 'ada', arrival(1));
    expect(waiting).toHaveLength(1);
    for (const go of waiting) go();
    await turns(3);
    expect(newer.link.peerEnd).toBeUndefined();
  });

  it('is closed at once if its client has given it up for one that is open elsewhere', async () => {
    const { clock, nodes: all } = await nodes(2);
    const [one, two] = [first(all).world, first(all, 1).world];
    const newer = await enter(one, 'ada', { clientKey: 'laptop', attempt: 2 });
    const others = [
      await enter(two, 'ada', { clientKey: 'phone', attempt: 1 }),
      await enter(two, 'bob', { clientKey: 'laptop', attempt: 1 }),
    ];
    clock.advance(1);
    const late = two.meet();
    late.say({ type: 'hello', token: 'token-ada', clientKey: 'laptop', attempt: 1 });
    await turns(4);
    expect(late.link.peerEnd).toEqual({ code: 4409, reason: 'replaced by a newer connection' });
    for (const { link } of [newer, ...others]) expect(link.peerEnd).toBeUndefined();
  });

  it('is let in where those that cannot be told to end it do not hear', async () => {
    const { nodes: all } = await nodes(1, (broker) => ({
      ...broker,
      command: (command) =>
        command.kind === 'disconnect'
          ? Promise.reject(new Error('no way through'))
          : broker.command(command),
    }));
    const { world } = first(all);
    const newer = await enter(world, 'ada', { clientKey: 'laptop', attempt: 2 });
    const late = await enter(world, 'ada', { clientKey: 'laptop', attempt: 1 });
    expect(world.observer.failures).toMatchObject([{ where: 'replace' }]);
    expect([newer, late].map(({ link }) => link.peerEnd)).toEqual([undefined, undefined]);
  });

  it.each([
    [
      [1, 2],
      [4409, undefined],
    ],
    [[], [undefined, undefined]],
  ])(
    'of two that begin at the same moment, numbered %j, are closed with %j',
    async (attempts, ends) => {
      const { nodes: all } = await nodes(2);
      const peers = all.map(({ world }, n) => {
        const attempt = attempts[n];
        const peer = world.meet();
        const numbered = attempt === undefined ? {} : { attempt };
        peer.say({ type: 'hello', token: 'token-ada', clientKey: 'laptop', ...numbered });
        return peer;
      });
      await turns(4);
      expect(peers.map(({ link }) => link.peerEnd?.code)).toEqual(ends);
    },
  );
});
