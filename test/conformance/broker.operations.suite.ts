/** The part of the broker's contract that is about publishes that are repeated: B13. See broker.suite.ts. */
import { expect } from '@jest/globals';

import {
  inTurn,
  KEPT,
  lastOf,
  put,
  putOnce,
  read,
  start,
  upTo,
  type BrokerWorld,
} from './broker.world.js';
import { check, type Check } from './suite.js';

const operation = { client: 'ada', id: '7' };

/** B13. */
export const operationChecks: readonly Check<BrokerWorld>[] = [
  check('B13', 'answers a repeat with the first receipt, and does nothing else', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const first = await putOnce(broker, 'room', 'm1', operation);
    const { position } = await put(broker, 'room', 'm2');
    expect(await putOnce(broker, 'room', 'm3', operation)).toEqual(first);
    await world.settle();
    expect(first.id).toBe('m1');
    expect(ear.ids('room')).toEqual(['m1', 'm2']);
    expect(await broker.top('room')).toEqual(position);
    expect((await read(broker, 'room')).messages.map(({ id }) => id)).toEqual(['m1', 'm2']);
  }),

  check('B13', 'lets one of many repeats at the same time take effect', async (world) => {
    const nodes = await start(world);
    await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
    const receipts = await Promise.all(
      upTo(20).map((n) => putOnce(inTurn(nodes, n).broker, 'room', `m${String(n)}`, operation)),
    );
    await world.settle();
    for (const receipt of receipts) expect(receipt).toEqual(receipts[0]);
    for (const { ear } of nodes) expect(ear.ids('room')).toEqual([receipts[0]?.id]);
    expect((await nodes[0].broker.top('room')).offset).toBe(1);
  }),

  check('B13', 'answers a repeat on another node with the first receipt', async (world) => {
    const nodes = await start(world);
    const first = await putOnce(nodes[0].broker, 'room', 'm1', operation);
    expect(await putOnce(lastOf(nodes).broker, 'room', 'm2', operation)).toEqual(first);
    expect((await nodes[0].broker.top('room')).offset).toBe(1);
  }),

  check('B13', 'answers a repeat although the message is not held any more', async (world) => {
    const [{ broker }] = await start(world);
    const first = await putOnce(broker, 'room', 'm1', operation, { ...KEPT, size: 0 });
    expect(await putOnce(broker, 'room', 'm2', operation, KEPT)).toEqual(first);
  }),

  check('B13', 'takes the same id of another client for another operation', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const operations = [
      ['ada', '7'],
      ['ada', '8'],
      ['bob', '7'],
      ['ada7', ''],
      ['', 'ada7'],
      ['ad', 'a7'],
      ['ada:7', '1'],
      ['ada', '7:1'],
      ['__proto__', '7'],
      ['ada', '__proto__'],
      ['constructor', 'toString'],
    ] as const;
    for (const [client, id] of operations) {
      const receipt = await putOnce(broker, 'room', `${client} ${id}`, { client, id });
      expect(receipt.id).toBe(`${client} ${id}`);
    }
    await world.settle();
    expect(ear.offsets('room')).toEqual(upTo(operations.length));
  }),

  check('B13', 'remembers operations for a time, and no longer', async (world) => {
    const [{ broker }] = await start(world);
    const { windowMs } = world.operations;
    const first = await putOnce(broker, 'room', 'm1', operation);
    await world.advance(windowMs * 0.8);
    expect(await putOnce(broker, 'room', 'm2', operation)).toEqual(first);
    await world.advance(windowMs * 0.4);
    expect((await putOnce(broker, 'room', 'm3', operation)).id).toBe('m3');
    expect((await broker.top('room')).offset).toBe(2);
  }),

  check('B13', 'remembers a number of operations a client, the latest ones', async (world) => {
    const [{ broker }] = await start(world);
    const { perClient } = world.operations;
    const first = await putOnce(broker, 'room', 'm1', operation);
    const others = async (count: number, name: string): Promise<void> => {
      for (const n of upTo(count)) {
        await putOnce(broker, 'room', 'm', { client: 'ada', id: `${name}${String(n)}` });
      }
    };
    await others(perClient - 1, 'a');
    expect(await putOnce(broker, 'room', 'm2', operation)).toEqual(first);
    await others(perClient, 'b');
    expect((await putOnce(broker, 'room', 'm3', operation)).id).toBe('m3');
  }),

  check('B13', 'does not let one client’s operations push out another’s', async (world) => {
    const [{ broker }] = await start(world);
    const first = await putOnce(broker, 'room', 'm1', operation);
    for (const n of upTo(world.operations.perClient * 2)) {
      await putOnce(broker, 'room', 'm', { client: 'bob', id: String(n) });
    }
    expect(await putOnce(broker, 'room', 'm2', operation)).toEqual(first);
  }),

  check('B13', 'holds for volatile messages as well', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const first = await putOnce(broker, 'room', 'm1', operation, 'volatile');
    expect(await putOnce(broker, 'room', 'm2', operation, 'volatile')).toEqual(first);
    await world.settle();
    expect(ear.ids('room')).toEqual(['m1']);
  }),
];
