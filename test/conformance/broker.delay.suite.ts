/** What a broker says of messages that are late: B16. */
import { expect } from '@jest/globals';

import { until } from '../support/turns.js';
import { put, start, upTo, type BrokerWorld } from './broker.world.js';
import { check, type Check } from './suite.js';

/** For connections that are made anew, with a backoff. */
const LIMIT_MS = 20_000;

/** B16. */
export const delayChecks: readonly Check<BrokerWorld>[] = [
  check('B16', 'says of no room that it is late while all is well', async (world) => {
    const nodes = await start(world);
    await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
    await put(nodes[0].broker, 'room', 'm1');
    await world.settle();
    expect(nodes.map(({ ear }) => ear.isDelayed('room'))).toEqual(nodes.map(() => false));
  }),

  check(
    'B16',
    'says that rooms are late while the store is away, and no longer once all that was missed is there',
    async (world) => {
      const nodes = await start(world);
      const { outage } = world;
      if (outage === undefined) return;
      for (const { broker } of nodes) {
        for (const room of ['busy', 'quiet']) await broker.subscribe(room);
      }
      const { publish, end } = await outage();
      const ears = nodes.map(({ ear }) => ear);
      await until(
        () => ears.every((ear) => ear.isDelayed('busy') && ear.isDelayed('quiet')),
        LIMIT_MS,
      );
      const ids = upTo(300).map((n) => `m${String(n)}`);
      await publish('busy', ids);
      // What each had when it said first that all is current.
      const had = new Map<unknown, string[]>();
      for (const ear of ears) {
        ear.onDelay = () => {
          if (!ear.isDelayed('busy') && !had.has(ear)) had.set(ear, ear.ids('busy'));
        };
      }
      end();
      await until(
        () => had.size === ears.length && !ears.some((ear) => ear.isDelayed('quiet')),
        LIMIT_MS,
      );
      for (const ear of ears) expect(had.get(ear)).toEqual(ids);
    },
  ),
];
