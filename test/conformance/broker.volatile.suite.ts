/** The part of the broker's contract that is about volatile messages: B14. See broker.suite.ts. */
import { expect } from '@jest/globals';

import { publication } from '../support/fakes.js';
import {
  inTurn,
  put,
  putMany,
  putVolatile,
  read,
  start,
  upTo,
  type BrokerWorld,
} from './broker.world.js';
import { check, type Check } from './suite.js';

/** B14. */
export const volatileChecks: readonly Check<BrokerWorld>[] = [
  check('B14', 'gives a volatile message no position, and moves no top', async (world) => {
    const [{ broker }] = await start(world);
    expect(await putVolatile(broker, 'room', 'v1')).toEqual({ id: 'v1', durability: 'none' });
    expect((await broker.top('room')).offset).toBe(0);
    const { position } = await put(broker, 'room', 'm1');
    await putVolatile(broker, 'room', 'v2');
    expect(position.offset).toBe(1);
    expect(await broker.top('room')).toEqual(position);
  }),

  check('B14', 'brings it to every subscribed node once, as it is', async (world) => {
    const nodes = await start(world);
    await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
    const message = publication('v1', { payload: '[1.0]', except: ['c1'], timestamp: 3 });
    await nodes[0].broker.publish('room', message, { history: 'volatile' });
    await nodes[0].broker.publish('other', message, { history: 'volatile' });
    await world.settle();
    for (const { ear } of nodes) expect(ear.heard).toEqual([{ room: 'room', message }]);
  }),

  check('B14', 'holds it in no history', async (world) => {
    const [{ broker }] = await start(world);
    await putMany(broker, 'room', 2);
    await putVolatile(broker, 'room', 'v1');
    const page = await read(broker, 'room');
    expect([page.top.offset, page.oldest]).toEqual([2, 1]);
    expect(page.messages.map(({ id }) => id)).toEqual(['m1', 'm2']);
  }),

  check('B14', 'keeps it in the order of its node’s publishes', async (world) => {
    const nodes = await start(world);
    await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
    // Not awaited one by one: the order of the calls is what counts.
    await Promise.all(
      upTo(60).map((n) => {
        const { broker } = inTurn(nodes, n);
        const id = `${String(n % nodes.length)} ${String(n)}`;
        return n % 3 === 0 ? put(broker, 'room', id) : putVolatile(broker, 'room', id);
      }),
    );
    await world.settle();
    for (const { ear } of nodes) {
      for (const index of nodes.keys()) {
        const own = ear.ids('room').filter((id) => id.startsWith(`${String(index)} `));
        const due = upTo(60).filter((n) => n % nodes.length === index);
        expect(own).toEqual(due.map((n) => `${String(index)} ${String(n)}`));
      }
    }
  }),

  check('B14', 'brings it to nobody after unsubscribe', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    await broker.unsubscribe('room');
    await putVolatile(broker, 'room', 'v1');
    await world.settle();
    expect(ear.heard).toEqual([]);
  }),
];
