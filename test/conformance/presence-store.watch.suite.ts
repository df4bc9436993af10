/** The part of the `PresenceStore` contract that is about being told: S3 to S5. */
import { expect } from '@jest/globals';

import {
  ALL,
  applied,
  otherOf,
  rec,
  startPresence,
  who,
  type PresenceWorld,
} from './presence-store.world.js';
import { check, type Check } from './suite.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** S3 to S5. */
export const watchChecks: readonly Check<PresenceWorld>[] = [
  check('S3', 'tells every watching node of each change once, in order', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    const snapshots = await Promise.all(nodes.map((node) => node.store.watch('room', ALL)));
    await store.put('room', rec('ada/phone'));
    await other.put('room', rec('ada/tablet', 'new'));
    await other.put('room', rec('bob'));
    await store.put('room', rec('ada/phone', 'busy'));
    await store.remove('room', rec('ada/phone'), 'client');
    await other.remove('room', rec('ada/tablet'), 'connection');
    await world.settle();
    for (const [index, { ear }] of nodes.entries()) {
      expect(ear.story('room')).toEqual(['+ada', '~ada', '+bob', '~ada', '~ada', '-ada']);
      const first = (snapshots[index]?.version ?? 0) + 1;
      expect(ear.of('room').map(({ version }) => version)).toEqual(range(6).map((n) => first + n));
      expect(ear.of('room').map(({ total }) => total)).toEqual([1, 1, 2, 2, 2, 1]);
    }
  }),

  check('S3', 'tells the whole member, as it is after the change', async (world) => {
    const [{ store, ear }] = await startPresence(world);
    const { version } = await store.watch('room', ALL);
    await store.put('room', rec('ada/phone', { name: 'Ada' }));
    await store.put('room', rec('ada/tablet'));
    await store.remove('room', rec('ada/phone'), 'client');
    await store.remove('room', rec('ada/tablet'), 'client');
    await world.settle();
    const phone = { connectionId: 'phone', info: { name: 'Ada' } };
    const tablet = { connectionId: 'tablet' };
    const told = { userId: 'ada', total: 1, hasJoined: false };
    const member = (...connections: object[]): object => ({ userId: 'ada', connections });
    expect(ear.of('room')).toEqual([
      { ...told, version: version + 1, hasJoined: true, member: member(phone) },
      { ...told, version: version + 2, member: member(phone, tablet) },
      { ...told, version: version + 3, member: member(tablet) },
      { ...told, version: version + 4, total: 0, member: undefined },
    ]);
  }),

  check('S3', 'says nothing where nothing that is shown has changed', async (world) => {
    const nodes = await startPresence(world);
    const [{ store, ear }] = nodes;
    const other = otherOf(nodes).store;
    const { version } = await store.watch('room', ALL);
    await store.put('room', rec('ada/phone/c1', { a: 1 }));
    await store.put('room', rec('ada/phone/c1', { a: 1 }));
    await other.put('room', rec('ada/phone/c2', { a: 1 }));
    await store.put('room', rec('ada/phone/c1', { a: 2 }));
    await store.remove('room', rec('ada/phone/c1'), 'connection');
    await world.settle();
    expect(ear.story('room')).toEqual(['+ada', '~ada']);
    expect((await store.read('room', ALL)).version).toBe(version + 2);
  }),

  check('S3', 'keeps the order when a listener itself puts while it hears', async (world) => {
    const nodes = await startPresence(world);
    const [{ store, ear }] = nodes;
    const other = otherOf(nodes);
    await Promise.all([store.watch('room', ALL), other.store.watch('room', ALL)]);
    const putting: Promise<void>[] = [];
    ear.onChange = (_, { userId }) => {
      if (userId === 'ada') putting.push(store.put('room', rec('bob')));
    };
    await store.put('room', rec('ada'));
    await Promise.all(putting);
    await world.settle();
    for (const { ear: told } of [nodes[0], other]) {
      expect(told.story('room')).toEqual(['+ada', '+bob']);
    }
  }),

  check('S3', 'tells a node only of rooms that it watches', async (world) => {
    const nodes = await startPresence(world);
    const [{ store, ear }] = nodes;
    await store.watch('room', ALL);
    await otherOf(nodes).store.put('other', rec('ada'));
    await store.put('third', rec('ada'));
    await world.settle();
    expect(ear.heard).toEqual([]);
  }),

  check('S4', 'begins with a snapshot after which every change arrives', async (world) => {
    const nodes = await startPresence(world);
    const [{ store, ear }] = nodes;
    const other = otherOf(nodes).store;
    const put = (n: number): Promise<void> => other.put('room', rec(`user-${String(n)}`));
    const before = range(10).map(put);
    const watching = store.watch('room', ALL);
    const after = range(20).slice(10).map(put);
    const snapshot = await watching;
    await Promise.all([...before, ...after]);
    await world.settle();
    const { members } = await store.read('room', ALL);
    expect(applied(snapshot, ear.of('room'))).toEqual(members);
    const last = ear.of('room').at(-1)?.version ?? snapshot.version;
    const due = range(last - snapshot.version).map((n) => snapshot.version + 1 + n);
    const versions = ear.of('room').map(({ version }) => version);
    expect(versions.filter((version) => version > snapshot.version)).toEqual(due);
  }),

  check(
    'S4',
    'gives another snapshot to who watches already, and doubles nothing',
    async (world) => {
      const [{ store, ear }] = await startPresence(world);
      const first = await store.watch('room', ALL);
      await store.put('room', rec('ada'));
      const second = await store.watch('room', ALL);
      expect(second).toMatchObject({ version: first.version + 1, total: 1 });
      await store.put('room', rec('bob'));
      await world.settle();
      expect(ear.story('room')).toEqual(['+ada', '+bob']);
    },
  ),

  check('S4', 'lists as many as were asked for, or none', async (world) => {
    const [{ store }] = await startPresence(world);
    for (const n of range(3)) await store.put('room', rec(`user-${String(n)}`));
    for (const ask of ['read', 'watch'] as const) {
      const listed = await Promise.all(
        [0, 2, 3, 4].map(async (most) => {
          const { total, members } = await store[ask]('room', most);
          return [total, members.length];
        }),
      );
      expect(listed).toEqual([
        [3, 0],
        [3, 0],
        [3, 3],
        [3, 3],
      ]);
    }
  }),

  check('S5', 'tells nothing after unwatch has resolved', async (world) => {
    const [{ store, ear }] = await startPresence(world);
    await store.watch('room', ALL);
    await store.put('room', rec('ada'));
    await world.settle();
    await store.unwatch('room');
    await store.put('room', rec('bob'));
    await world.settle();
    expect(ear.story('room')).toEqual(['+ada']);
    expect(await who(store, 'room')).toEqual(['ada[ada]', 'bob[bob]']);
  }),

  check('S5', 'takes watch and unwatch in the order of their calls', async (world) => {
    const [{ store, ear }] = await startPresence(world);
    await Promise.all([
      store.watch('in', ALL),
      store.unwatch('in'),
      store.watch('in', ALL),
      store.watch('out', ALL),
      store.unwatch('out'),
    ]);
    await store.put('in', rec('ada'));
    await store.put('out', rec('bob'));
    await world.settle();
    expect(ear.heard.map(({ room }) => room)).toEqual(['in']);
  }),

  check(
    'S5',
    'goes on telling other nodes, and lets go of what was never watched',
    async (world) => {
      const nodes = await startPresence(world);
      const other = otherOf(nodes);
      await expect(nodes[0].store.unwatch('room')).resolves.toBeUndefined();
      await other.store.watch('room', ALL);
      if (other !== nodes[0]) await nodes[0].store.unwatch('room');
      await nodes[0].store.put('room', rec('ada'));
      await world.settle();
      expect(other.ear.story('room')).toEqual(['+ada']);
    },
  ),
];
