/**
 * The contract of `Broker` (lib/core/ports), to be run over every implementation. Checks are data,
 * so that they can be run over faulty brokers as well: see broker.meta.spec.ts.
 */
import { expect } from '@jest/globals';

import type { ControlCommand } from '../../lib/core/index.js';
import { publication } from '../support/fakes.js';
import { delayChecks } from './broker.delay.suite.js';
import { historyChecks } from './broker.history.suite.js';
import { modelChecks } from './broker.model.js';
import { operationChecks } from './broker.operations.suite.js';
import { volatileChecks } from './broker.volatile.suite.js';
import {
  DANGEROUS,
  inTurn,
  put,
  REPLIES,
  sessionsOf,
  start,
  upTo,
  type BrokerWorld,
} from './broker.world.js';
import { check, type Check } from './suite.js';

export type { BrokerWorld } from './broker.world.js';

/** Positions, delivery and control: B1 to B11. */
const streamChecks: readonly Check<BrokerWorld>[] = [
  check('B1', 'gives the offset after the top, beginning with 1', async (world) => {
    const [{ broker }] = await start(world);
    const receipts = [];
    for (const n of upTo(5)) receipts.push(await put(broker, 'room', `m${String(n)}`));
    expect(receipts.map(({ position }) => position.offset)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(receipts.map(({ position }) => position.epoch)).size).toBe(1);
    expect(await broker.top('room')).toEqual(receipts.at(-1)?.position);
  }),

  check('B1', 'never gives a position twice, however many publish at once', async (world) => {
    const nodes = await start(world);
    const published = await Promise.all(
      upTo(60).map((n) => put(inTurn(nodes, n).broker, 'room', `m${String(n)}`)),
    );
    const offsets = published.map(({ position }) => position.offset);
    expect(offsets.sort((a, b) => a - b)).toEqual(upTo(60));
  }),

  check(
    'B2',
    'brings every subscribed node each message once, in the order of offsets',
    async (world) => {
      const nodes = await start(world);
      await Promise.all(nodes.map(({ broker }) => broker.subscribe('room')));
      await Promise.all(upTo(50).map((n) => put(inTurn(nodes, n).broker, 'room', `m${String(n)}`)));
      await world.settle();
      for (const { ear } of nodes) expect(ear.offsets('room')).toEqual(upTo(50));
    },
  ),

  check('B2', 'passes on everything a message has', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const message = publication('m1', { payload: '{"n":1.0}', except: ['c1'], timestamp: 12 });
    const { position } = await put(broker, 'room', message);
    const bare = { id: 'm2', event: 'said', timestamp: 1 };
    const second = await put(broker, 'room', bare);
    await world.settle();
    expect(ear.of('room')).toEqual([
      { ...message, position },
      { ...bare, position: second.position },
    ]);
  }),

  check(
    'B2',
    'keeps the order when the listener itself publishes while it hears',
    async (world) => {
      const [broker] = world.nodes;
      if (broker === undefined) throw new Error('expected a world of at least one node');
      const begun: (number | undefined)[] = [];
      const ended: (number | undefined)[] = [];
      const second: Promise<unknown>[] = [];
      await broker.start({
        message: (room, { position }) => {
          begun.push(position?.offset);
          if (position?.offset === 1) second.push(put(broker, room, 'm2'));
          ended.push(position?.offset);
        },
        command: () => undefined,
        answer: () => Promise.resolve(REPLIES),
      });
      await broker.subscribe('room');
      await put(broker, 'room', 'm1');
      // The message may come after its own receipt.
      await world.settle();
      await Promise.all(second);
      await world.settle();
      expect({ begun, ended }).toEqual({ begun: [1, 2], ended: [1, 2] });
    },
  ),

  check('B3', 'keeps the order of one node’s publishes', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    const ids = upTo(50).map((n) => `m${String(n)}`);
    // Not awaited one by one: the order of the calls is what counts.
    await Promise.all(ids.map((id) => put(broker, 'room', id)));
    await world.settle();
    expect(ear.ids('room')).toEqual(ids);
  }),

  check('B4', 'subscribes at a position after which every message arrives', async (world) => {
    const [{ broker, ear }] = await start(world);
    const before = upTo(3).map((n) => put(broker, 'room', `b${String(n)}`));
    const subscribed = broker.subscribe('room');
    const after = upTo(3).map((n) => put(broker, 'room', `a${String(n)}`));
    const top = await subscribed;
    await Promise.all([...before, ...after]);
    await world.settle();
    const due = upTo(6).filter((offset) => offset > top.offset);
    expect(ear.offsets('room').filter((offset) => offset > top.offset)).toEqual(due);
    expect(ear.of('room').every(({ position }) => position?.epoch === top.epoch)).toBe(true);
  }),

  check(
    'B4',
    'answers a second subscribe with the present top, and doubles nothing',
    async (world) => {
      const [{ broker, ear }] = await start(world);
      await broker.subscribe('room');
      await put(broker, 'room', 'm1');
      expect((await broker.subscribe('room')).offset).toBe(1);
      await put(broker, 'room', 'm2');
      await world.settle();
      expect(ear.ids('room')).toEqual(['m1', 'm2']);
    },
  ),

  check('B5', 'delivers nothing after unsubscribe has resolved', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    await put(broker, 'room', 'm1');
    await world.settle();
    await broker.unsubscribe('room');
    await put(broker, 'room', 'm2');
    await world.settle();
    expect(ear.ids('room')).toEqual(['m1']);
  }),

  check('B5', 'takes subscribe and unsubscribe in the order of their calls', async (world) => {
    const [{ broker, ear }] = await start(world);
    await Promise.all([
      broker.subscribe('in'),
      broker.unsubscribe('in'),
      broker.subscribe('in'),
      broker.subscribe('out'),
      broker.unsubscribe('out'),
    ]);
    await put(broker, 'in', 'm1');
    await put(broker, 'out', 'm2');
    await world.settle();
    expect(ear.heard.map(({ message }) => message.id)).toEqual(['m1']);
  }),

  check('B5', 'lets go of a room that was never subscribed without a word', async (world) => {
    const [{ broker }] = await start(world);
    await expect(broker.unsubscribe('room')).resolves.toBeUndefined();
  }),

  check('B6', 'starts a new epoch for a room whose position was forgotten', async (world) => {
    const [{ broker }] = await start(world);
    const before = await put(broker, 'room', 'm1');
    await world.forget('room');
    const after = await put(broker, 'room', 'm2');
    expect(after.position.offset).toBe(1);
    expect(after.position.epoch).not.toBe(before.position.epoch);
  }),

  check('B6', 'keeps the epoch while a node is subscribed', async (world) => {
    const [{ broker }] = await start(world);
    await broker.subscribe('room');
    const before = await put(broker, 'room', 'm1');
    const after = await put(broker, 'room', 'm2');
    expect(after.position).toEqual({ epoch: before.position.epoch, offset: 2 });
  }),

  check('B7', 'tells offset 0 of the epoch that the first message has', async (world) => {
    const [{ broker }] = await start(world);
    const top = await broker.top('room');
    expect(top.offset).toBe(0);
    expect(await broker.subscribe('room')).toEqual(top);
    const { position } = await put(broker, 'room', 'm1');
    expect(position).toEqual({ epoch: top.epoch, offset: 1 });
  }),

  check('B8', 'brings a command to every node once, the caller’s own included', async (world) => {
    const nodes = await start(world);
    const command: ControlCommand = {
      kind: 'disconnect',
      target: { userId: 'ada' },
      code: 4300,
      reason: 'enough',
    };
    await nodes[0].broker.command(command);
    await world.settle();
    for (const { ear } of nodes) expect(ear.commands).toEqual([command]);
  }),

  check('B9', 'keeps rooms apart, whatever their names', async (world) => {
    const [{ broker, ear }] = await start(world);
    for (const room of DANGEROUS) {
      expect(await broker.subscribe(room)).toMatchObject({ offset: 0 });
      await put(broker, room, `in ${room}`);
    }
    await world.settle();
    for (const room of DANGEROUS) {
      expect(ear.ids(room)).toEqual([`in ${room}`]);
      expect((await broker.top(room)).offset).toBe(1);
    }
    expect(ear.heard).toHaveLength(DANGEROUS.length);
  }),

  check('B9', 'delivers to the rooms that are subscribed and to no others', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('a');
    await put(broker, 'a/b', 'm1');
    await put(broker, 'A', 'm2');
    await put(broker, 'a', 'm3');
    await world.settle();
    expect(ear.heard.map(({ room, message }) => [room, message.id])).toEqual([['a', 'm3']]);
  }),

  check('B10', 'brings an answer of every node, the caller’s own included', async (world) => {
    const nodes = await start(world);
    const { broker } = nodes[0];
    const sessions = await broker.ask({ kind: 'sessions', userId: 'ada' });
    expect(sessions).toEqual(nodes.map(() => sessionsOf('ada')));
    const target = { room: '__proto__' };
    const question = {
      kind: 'request',
      target,
      event: 'asked',
      payload: '1',
      timeoutMs: 5,
    } as const;
    expect(await broker.ask(question)).toEqual(nodes.map(() => REPLIES));
  }),

  check('B11', 'calls nobody after close has resolved, and refuses to publish', async (world) => {
    const [{ broker, ear }] = await start(world);
    await broker.subscribe('room');
    await broker.close();
    await expect(put(broker, 'room', 'm1')).rejects.toMatchObject({ code: 'unavailable' });
    const operation = { client: 'ada', id: '1' };
    const volatile = { history: 'volatile', operation } as const;
    await expect(broker.publish('room', publication('m2'), volatile)).rejects.toMatchObject({
      code: 'unavailable',
    });
    await world.settle();
    expect(ear.heard).toEqual([]);
  }),
];

/** Every clause. */
export const brokerChecks: readonly Check<BrokerWorld>[] = [
  ...streamChecks,
  ...historyChecks,
  ...operationChecks,
  ...volatileChecks,
  ...delayChecks,
  ...modelChecks,
];
