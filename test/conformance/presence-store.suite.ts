/**
 * The contract of `PresenceStore` (lib/core/ports), to be run over every implementation. Checks are
 * data, so that they can be run over faulty stores as well: see presence-store.meta.spec.ts.
 */
import { expect } from '@jest/globals';

import { leaseChecks } from './presence-store.lease.suite.js';
import { presenceModelChecks } from './presence-store.model.js';
import { watchChecks } from './presence-store.watch.suite.js';
import {
  ALL,
  names,
  otherOf,
  rec,
  startPresence,
  who,
  type PresenceWorld,
} from './presence-store.world.js';
import { check, type Check } from './suite.js';

export type { PresenceWorld } from './presence-store.world.js';

/** Users and their records: S1, S2, S7 and S9. */
const recordChecks: readonly Check<PresenceWorld>[] = [
  check('S1', 'has a user in a room while one record of it is there', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    await store.put('room', rec('ada/phone'));
    await other.put('room', rec('ada/tablet'));
    await store.put('room', rec('bob'));
    await other.put('room', rec('ada/laptop'));
    expect(await store.read('room', ALL)).toMatchObject({ total: 2 });
    expect(await who(store, 'room')).toEqual(['ada[phone,tablet,laptop]', 'bob[bob]']);
    await store.remove('room', rec('ada/phone'), 'client');
    await other.remove('room', rec('ada/laptop'), 'connection');
    expect(await who(store, 'room')).toEqual(['ada[tablet]', 'bob[bob]']);
    await other.remove('room', rec('ada/tablet'), 'client');
    expect(await store.read('room', ALL)).toMatchObject({ total: 1 });
    expect(await who(store, 'room')).toEqual(['bob[bob]']);
  }),

  check('S1', 'knows nobody in a room that nobody is in', async (world) => {
    const [{ store }] = await startPresence(world);
    expect(await store.read('room', ALL)).toMatchObject({ total: 0, members: [] });
    await store.put('room', rec('ada'));
    await store.remove('room', rec('ada'), 'client');
    expect(await store.read('room', ALL)).toMatchObject({ total: 0, members: [] });
  }),

  check('S1', 'keeps what everyone may know, each connection its own', async (world) => {
    const [{ store }] = await startPresence(world);
    const info = { name: 'Ada', tags: [1, null, { deep: true }] };
    await store.put('room', rec('ada/phone', info));
    await store.put('room', rec('ada/tablet'));
    await store.put('room', rec('ada/laptop', null));
    const { members } = await store.read('room', ALL);
    expect(members).toEqual([
      {
        userId: 'ada',
        connections: [
          { connectionId: 'phone', info },
          { connectionId: 'tablet' },
          { connectionId: 'laptop', info: null },
        ],
      },
    ]);
    expect(Object.keys(members[0]?.connections[1] ?? {})).toEqual(['connectionId']);
  }),

  check('S2', 'shows the newest record of a client in the place of its first', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    await store.put('room', rec('ada/phone/c1'));
    await store.put('room', rec('ada/tablet/c2'));
    await other.put('room', rec('ada/phone/c3'));
    expect(await who(store, 'room')).toEqual(['ada[c3,c2]']);
    expect(await who(other, 'room')).toEqual(['ada[c3,c2]']);
  }),

  check(
    'S2',
    'leaves a client there when a connection it has replaced is removed',
    async (world) => {
      const nodes = await startPresence(world);
      const [{ store }] = nodes;
      const other = otherOf(nodes).store;
      for (const scope of ['connection', 'client'] as const) {
        await store.put(scope, rec('ada/phone/c1'));
        await other.put(scope, rec('ada/phone/c2'));
        await store.remove(scope, rec('ada/phone/c1'), scope);
        expect(await who(store, scope)).toEqual(['ada[c2]']);
        await other.remove(scope, rec('ada/phone/c2'), 'connection');
        expect(await who(store, scope)).toEqual([]);
      }
    },
  ),

  check('S2', 'shows an older record again when only the connection is removed', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    await store.put('room', rec('ada/phone/c1'));
    await other.put('room', rec('ada/phone/c2'));
    await other.remove('room', rec('ada/phone/c2'), 'connection');
    expect(await who(store, 'room')).toEqual(['ada[c1]']);
  }),

  check('S2', 'removes older records of a client that has left, and of no other', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    await store.put('room', rec('ada/phone/c1'));
    await store.put('room', rec('ada/tablet/c2'));
    await store.put('room', rec('bob/phone/c3'));
    await other.put('room', rec('ada/phone/c4'));
    await other.remove('room', rec('ada/phone/c4'), 'client');
    expect(await who(store, 'room')).toEqual(['ada[c2]', 'bob[c3]']);
  }),

  check('S2', 'changes a record that is put again where it is', async (world) => {
    const nodes = await startPresence(world);
    const [{ store }] = nodes;
    const other = otherOf(nodes).store;
    await store.put('room', rec('ada/phone/c1'));
    await other.put('room', rec('ada/phone/c2'));
    await store.put('room', rec('ada/phone/c1', 'late news'));
    expect(await who(store, 'room')).toEqual(['ada[c2]']);
    await other.put('room', rec('ada/phone/c2', 'new'));
    const { members } = await store.read('room', ALL);
    expect(members[0]?.connections).toEqual([{ connectionId: 'c2', info: 'new' }]);
  }),

  check('S2', 'does nothing where there is nothing to remove', async (world) => {
    const [{ store, ear }] = await startPresence(world);
    await store.watch('room', ALL);
    await store.remove('room', rec('ada'), 'client');
    await store.put('room', rec('ada/phone/c1'));
    await store.remove('room', rec('ada/phone/c2'), 'client');
    await store.remove('room', rec('bob/phone/c1'), 'connection');
    await world.settle();
    expect(ear.story('room')).toEqual(['+ada']);
    expect(await who(store, 'room')).toEqual(['ada[c1]']);
  }),

  check('S7', 'keeps rooms, users and clients apart, whatever their names', async (world) => {
    const [{ store, ear }] = await startPresence(world);
    const dangerous = ['__proto__', 'constructor', 'toString', 'a', 'a:b', 'a\u0000b', ''];
    for (const room of dangerous) {
      expect(await store.watch(room, ALL)).toMatchObject({ total: 0 });
      for (const userId of dangerous) {
        for (const client of dangerous) {
          await store.put(room, { userId, client, connectionId: `${room}|${userId}|${client}` });
        }
      }
    }
    await world.settle();
    for (const room of dangerous) {
      const { total, members } = await store.read(room, ALL);
      expect(total).toBe(dangerous.length);
      expect(names(members)).toEqual(
        dangerous.map(
          (userId) =>
            `${userId}[${dangerous.map((client) => `${room}|${userId}|${client}`).join(',')}]`,
        ),
      );
      expect(ear.of(room)).toHaveLength(dangerous.length ** 2);
    }
    expect(ear.heard).toHaveLength(dangerous.length ** 3);
  }),

  check('S9', 'takes the calls of a node in their order, awaited or not', async (world) => {
    const [{ store }] = await startPresence(world);
    const ada = rec('ada');
    await Promise.all([
      store.put('in', ada),
      store.remove('in', ada, 'client'),
      store.put('in', ada),
      store.put('out', ada),
      store.remove('out', ada, 'connection'),
      store.put('info', rec('ada', 1)),
      store.put('info', rec('ada', 2)),
    ]);
    expect(await who(store, 'in')).toEqual(['ada[ada]']);
    expect(await who(store, 'out')).toEqual([]);
    const { members } = await store.read('info', ALL);
    expect(members[0]?.connections[0]?.info).toBe(2);
  }),

  check('S9', 'has on every node what a call has done that is over', async (world) => {
    const nodes = await startPresence(world);
    for (const { store } of nodes) {
      await store.put('room', rec('ada'));
      for (const reading of nodes) expect(await who(reading.store, 'room')).toEqual(['ada[ada]']);
      for (const watching of nodes) {
        expect(await watching.store.watch('room', ALL)).toMatchObject({ total: 1 });
      }
      await store.remove('room', rec('ada'), 'connection');
      for (const reading of nodes) expect(await who(reading.store, 'room')).toEqual([]);
    }
  }),
];

/** Every clause. */
export const presenceChecks: readonly Check<PresenceWorld>[] = [
  ...recordChecks,
  ...watchChecks,
  ...leaseChecks,
  ...presenceModelChecks,
];
