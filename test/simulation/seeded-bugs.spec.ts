import { describe, expect, it } from '@jest/globals';

import { DEFAULT_HISTORY } from '../../lib/core/index.js';
import { Tail } from '../../lib/core/tail.js';
import { withCuts, withRepeats } from './commands.js';
import { firstViolation, type Scenario } from './judge.js';
import type { SimulatedClient } from './simulation.js';
import type { StoreNode } from './store.js';

/** Schedules within which each bug has to be found. Most are found within a few dozen. */
const MAX_SCHEDULES = 3_000;
const LIMIT_MS = 60_000;

const onlyCuts: Scenario = { happenings: withCuts, history: DEFAULT_HISTORY, noLoss: true };

/** Of what came live while history was read only the last message is passed on. */
async function withoutMerge(run: () => Promise<void>): Promise<void> {
  const { between } = Tail.prototype;
  Tail.prototype.between = function (from, to) {
    return between.call(this, from, to)?.slice(-1);
  };
  try {
    await run();
  } finally {
    Tail.prototype.between = between;
  }
}

/** The store does not know that a publish is repeated. */
function forgetsOperations(node: StoreNode): void {
  const publish = node.publish.bind(node);
  node.publish = (room, publication, { history }) => publish(room, publication, { history });
}

/** Every third message gets the offset of the one before. */
function reusesOffsets(node: StoreNode): void {
  const publish = node.publish.bind(node);
  node.publish = async (room, publication, options) => {
    const { position, ...receipt } = await publish(room, publication, options);
    if (position === undefined) return receipt;
    const { epoch, offset } = position;
    return { ...receipt, position: { epoch, offset: offset % 3 === 0 ? offset - 1 : offset } };
  };
}

interface Answer {
  readonly type?: string;
  readonly room?: string;
  readonly id?: string;
}

/** The answer to any subscription of a room gets the name of the latest one. */
function acceptsStale(client: SimulatedClient, text: string): string {
  const frame = JSON.parse(text) as Answer;
  if (frame.type !== 'subscribed' || frame.id === undefined) return text;
  const latest = client.sent
    .map((sent) => JSON.parse(sent) as Answer)
    .findLast(({ type, room }) => type === 'subscribe' && room === frame.room);
  return JSON.stringify({ ...frame, id: latest?.id ?? frame.id });
}

describe('a bug that is put in on purpose is found', () => {
  it(
    'when what came live while history was read is not merged',
    () =>
      withoutMerge(async () => {
        expect(await firstViolation(onlyCuts, MAX_SCHEDULES)).toMatch(/contiguity|complete/);
      }),
    LIMIT_MS,
  );

  it(
    'when a repeated publish is appended again',
    async () => {
      const scenario = { happenings: withRepeats, store: forgetsOperations };
      expect(await firstViolation(scenario, MAX_SCHEDULES)).toMatch(/unique|once/);
    },
    LIMIT_MS,
  );

  it(
    'when an offset is given out again',
    async () => {
      const scenario = { happenings: withRepeats, store: reusesOffsets };
      expect(await firstViolation(scenario, MAX_SCHEDULES)).toMatch(/agreement/);
    },
    LIMIT_MS,
  );

  it(
    'when the answer to an earlier subscription is taken for that to the latest',
    async () => {
      const scenario = { ...onlyCuts, frame: acceptsStale };
      expect(await firstViolation(scenario, MAX_SCHEDULES)).toMatch(/./);
    },
    LIMIT_MS,
  );

  it(
    'and without one the same schedules pass',
    async () => {
      expect(await firstViolation(onlyCuts, 1_000)).toBeUndefined();
      expect(await firstViolation({ happenings: withRepeats }, 1_000)).toBeUndefined();
    },
    LIMIT_MS,
  );
});
