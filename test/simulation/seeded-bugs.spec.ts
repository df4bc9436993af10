import { describe, expect, it } from '@jest/globals';

import { Link } from '../../lib/client/link.js';
import { DEFAULT_HISTORY } from '../../lib/core/index.js';
import { Departures } from '../../lib/core/departures.js';
import { Tail } from '../../lib/core/tail.js';
import { withCuts, withDepartures, withRepeats } from './commands.js';
import { firstViolation, type Scenario } from './judge.js';
import type { SimulatedClient } from './simulation.js';
import type { StoreNode } from './store.js';

/** Schedules within which each bug has to be found. Most are found within a few dozen. */
const MAX_SCHEDULES = 3_000;
const LIMIT_MS = 60_000;

const onlyCuts: Scenario = { happenings: withCuts, history: DEFAULT_HISTORY, noLoss: true };

const onlyDepartures: Scenario = {
  happenings: withDepartures,
  history: DEFAULT_HISTORY,
  noLoss: true,
  unnoticed: true,
};

/** Whoever is asked to go elsewhere is closed instead. */
async function withoutPatience(run: () => Promise<void>): Promise<void> {
  const { ask } = Departures.prototype;
  Departures.prototype.ask = (connections) => {
    for (const connection of connections) connection.close(1001, 'going away');
    return Promise.resolve();
  };
  try {
    await run();
  } finally {
    Departures.prototype.ask = ask;
  }
}

/** The new connection does not say where its client is in its rooms. */
async function withoutPositions(run: () => Promise<void>): Promise<void> {
  const { hello } = Link.prototype;
  Link.prototype.hello = function () {
    const frame = hello.call(this);
    return { ...frame, rooms: (frame.rooms ?? []).map(({ room }) => ({ room })) };
  };
  try {
    await run();
  } finally {
    Link.prototype.hello = hello;
  }
}

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
    'when a node that is emptied does not wait until its clients are elsewhere',
    () =>
      withoutPatience(async () => {
        expect(await firstViolation(onlyDepartures, MAX_SCHEDULES)).toMatch(/waiting/);
      }),
    LIMIT_MS,
  );

  it(
    'when a client that goes elsewhere does not say what it has seen',
    () =>
      withoutPositions(async () => {
        expect(await firstViolation(onlyDepartures, MAX_SCHEDULES)).toMatch(
          /nothing was lost, but/,
        );
      }),
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
