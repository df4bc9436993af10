/** The part of the `PresenceStore` contract that is about nodes that go: S6 and S8. */
import { expect } from '@jest/globals';

import {
  ALL,
  rec,
  startPresence,
  who,
  type PresenceWorld,
  type StartedPresence,
} from './presence-store.world.js';
import { check, type Check } from './suite.js';

/** A check that needs somebody who outlives the first node; where nobody does, there is nothing to check. */
function checkOfTwo(
  clause: string,
  behaviour: string,
  body: (world: PresenceWorld, first: StartedPresence, last: StartedPresence) => Promise<void>,
): Check<PresenceWorld> {
  return check(clause, behaviour, async (world) => {
    const nodes = await startPresence(world);
    const last = nodes.at(-1);
    if (last !== undefined && last !== nodes[0]) await body(world, nodes[0], last);
  });
}

const fill = async ({ store }: StartedPresence, count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await store.put('room', rec(`user-${String(n)}`));
};

const left = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `-user-${String(n)}`);

/** S6 and S8. */
export const leaseChecks: readonly Check<PresenceWorld>[] = [
  checkOfTwo(
    'S6',
    'removes the records of a node that died within the lease, each once',
    async (world, first, last) => {
      await fill(first, 20);
      await last.store.put('room', rec('ada'));
      await last.store.watch('room', ALL);
      await world.advance(world.leaseMs * 1.4);
      world.freeze(0);
      await world.advance(world.leaseMs);
      expect(last.ear.story('room').toSorted()).toEqual(left(20).toSorted());
      expect(await who(last.store, 'room')).toEqual(['ada[ada]']);
      await world.advance(world.leaseMs * 3);
      expect(last.ear.of('room')).toHaveLength(20);
    },
  ),

  check('S6', 'keeps the records of a node that lives, however long', async (world) => {
    const nodes = await startPresence(world);
    for (const [n, { store }] of nodes.entries()) {
      await store.put('room', rec(`user-${String(n)}`));
      await store.watch('room', ALL);
    }
    for (let steps = 0; steps < 50; steps += 1) await world.advance(world.leaseMs / 7);
    for (const { store, ear } of nodes) {
      expect((await store.read('room', ALL)).total).toBe(nodes.length);
      expect(ear.story('room').filter((event) => event.startsWith('-'))).toEqual([]);
      expect(ear.expiries).toEqual([]);
    }
  }),

  checkOfTwo(
    'S6',
    'lets a user stay who is there by another node too',
    async (world, first, last) => {
      await first.store.put('room', rec('ada/phone'));
      await last.store.put('room', rec('ada/tablet'));
      await first.store.put('room', rec('bob/phone/c1'));
      await last.store.put('room', rec('bob/phone/c2'));
      await last.store.watch('room', ALL);
      world.freeze(0);
      await world.advance(world.leaseMs * 2);
      // Ada has lost a device; Bob has come back elsewhere before, and nothing happens to him.
      expect(last.ear.story('room')).toEqual(['~ada']);
      expect(await who(last.store, 'room')).toEqual(['ada[tablet]', 'bob[c2]']);
    },
  ),

  checkOfTwo(
    'S6',
    'brings nothing back that was removed while its node was away',
    async (world, first, last) => {
      await fill(first, 5);
      await last.store.watch('room', ALL);
      world.freeze(0);
      await world.advance(world.leaseMs * 2);
      await world.thaw(0);
      await world.advance(world.leaseMs * 2);
      expect(last.ear.story('room').toSorted()).toEqual(left(5));
      expect(first.ear.expiries).toHaveLength(1);
      expect(await who(first.store, 'room')).toEqual([]);
      await first.store.put('room', rec('user-3'));
      await world.advance(world.leaseMs * 2);
      expect(last.ear.story('room').slice(5)).toEqual(['+user-3']);
      expect(await who(last.store, 'room')).toEqual(['user-3[user-3]']);
    },
  ),

  checkOfTwo(
    'S6',
    'says so before a later call of that node takes effect',
    async (world, first, last) => {
      await fill(first, 2);
      world.freeze(0);
      await world.advance(world.leaseMs * 2);
      const seen: number[] = [];
      first.ear.onExpired = () => {
        seen.push(first.ear.expiries.length);
      };
      // Not thawed: the call comes before anything that was due.
      await first.store.put('room', rec('ada'));
      expect(seen).toEqual([1]);
      expect(await who(last.store, 'room')).toEqual(['ada[ada]']);
    },
  ),

  checkOfTwo(
    'S6',
    'does nothing about a node that was away for less than the lease',
    async (world, first, last) => {
      await fill(first, 5);
      await last.store.watch('room', ALL);
      world.freeze(0);
      await world.advance(world.leaseMs / 2);
      await world.thaw(0);
      await world.advance(world.leaseMs * 3);
      expect(last.ear.heard).toEqual([]);
      expect(first.ear.expiries).toEqual([]);
      expect((await last.store.read('room', ALL)).total).toBe(5);
    },
  ),

  checkOfTwo('S6', 'goes on telling a node that was away', async (world, first, last) => {
    await first.store.watch('room', ALL);
    world.freeze(0);
    await world.advance(world.leaseMs * 2);
    await world.thaw(0);
    await last.store.put('room', rec('ada'));
    await world.settle();
    expect(first.ear.story('room')).toEqual(['+ada']);
  }),

  check('S8', 'tells nothing and does nothing after close', async (world) => {
    const nodes = await startPresence(world);
    const [{ store, ear }] = nodes;
    await store.watch('room', ALL);
    await store.close();
    const ada = rec('ada');
    const refused = { code: 'unavailable' };
    await expect(store.put('room', ada)).rejects.toMatchObject(refused);
    await expect(store.remove('room', ada, 'client')).rejects.toMatchObject(refused);
    await expect(store.read('room', ALL)).rejects.toMatchObject(refused);
    await expect(store.watch('room', ALL)).rejects.toMatchObject(refused);
    await expect(store.unwatch('room')).rejects.toMatchObject(refused);
    for (const other of nodes.slice(1)) await other.store.put('room', ada);
    await world.advance(world.leaseMs * 3);
    expect(ear.heard).toEqual([]);
    expect(ear.expiries).toEqual([]);
    await expect(store.close()).resolves.toBeUndefined();
  }),

  checkOfTwo(
    'S8',
    'leaves the records to the lease, so that who comes back elsewhere neither leaves nor joins',
    async (world, first, last) => {
      await first.store.put('room', rec('ada/phone/c1'));
      await first.store.put('room', rec('bob'));
      await last.store.watch('room', ALL);
      await world.advance(world.leaseMs * 1.3);
      await first.store.close();
      await world.advance(world.leaseMs * 0.9);
      expect(last.ear.heard).toEqual([]);
      await last.store.put('room', rec('ada/phone/c2'));
      await world.advance(world.leaseMs * 3);
      expect(last.ear.story('room')).toEqual(['~ada', '-bob']);
      expect(await who(last.store, 'room')).toEqual(['ada[c2]']);
    },
  ),
];
