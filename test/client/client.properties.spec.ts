import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { handle, history, stream } from '../../lib/client/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { settle } from './support/fake-clock.js';
import { connectedFrame, message, World } from './support/world.js';

const NAME = 'chat/general';
const MIN_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

/** What may happen to a client, as a function of the world. */
type Step = (world: World, settled: Promise<unknown>[]) => void;

/** Notes how a call ends; that it ends is the property. */
function note(settled: Promise<unknown>[], promise: Promise<unknown>): void {
  settled.push(promise.catch((error: unknown) => error));
}

const receive =
  (frame: ServerFrame): Step =>
  ({ sockets }) =>
    sockets.at(-1)?.receive(frame);

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const item of items) if (item === 'enough') return;
}

/** Members of the room in a state or a change. */
const members = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ userId: `u${String(n)}`, connections: [] }));

const userSteps: fc.Arbitrary<Step> = fc.constantFrom<Step[]>(
  ({ client }, settled) => {
    note(settled, client.connect());
  },
  ({ client }, settled) => {
    note(settled, client.request('a', 1));
  },
  ({ client }, settled) => {
    note(settled, drain(stream(client, 's')));
  },
  ({ client }, settled) => {
    note(settled, client.room(NAME).publish('p'));
  },
  ({ client }, settled) => {
    note(settled, client.room(NAME).subscribe());
  },
  ({ client }) => {
    client.room(NAME).unsubscribe();
  },
  ({ client }) => {
    client.room(NAME).on('chat.message', () => undefined);
  },
  ({ client }) => {
    client.room(NAME).on('reset', () => undefined);
  },
  ({ client }) => {
    const off = client.room(NAME).presence.watch(() => undefined);
    client.room(NAME).on('unsubscribed', off);
  },
  ({ client }, settled) => {
    note(settled, client.room(NAME).presence.update({ n: 1 }));
  },
  ({ client }, settled) => {
    note(settled, history(client, NAME, { limit: 1 }));
  },
  ({ client }) => {
    try {
      handle(client, 'ask', (_payload, { signal }) => {
        return new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
      });
    } catch (error) {
      expect(error).toMatchObject({ code: 'duplicate-handler' });
    }
  },
);

const networkSteps: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>(({ sockets }) => sockets.at(-1)?.open()),
  fc.constant(receive(connectedFrame)),
  fc.constantFrom(1000, 1001, 1006, 4000, 4100, 4300, 4401, 4429).map(
    (code): Step =>
      ({ sockets }) =>
        sockets.at(-1)?.drop(code),
  ),
  fc.constant<Step>(({ sockets }) => sockets[0]?.drop(1006)),
  fc.constant<Step>(({ sockets }) => sockets.at(-1)?.receiveRaw('{')),
  fc.constantFrom('wake', 'offline', 'hide').map(
    (change): Step =>
      (world) =>
        world.happen(change),
  ),
  fc.integer({ min: 0, max: 60_000 }).map((ms): Step => ({ clock }) => {
    clock.advance(ms);
  }),
);

const serverSteps: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 1, max: 12 }).chain((n) =>
    fc.constantFrom(
      receive({ type: 'response', id: String(n), payload: n }),
      receive({ type: 'next', id: String(n), payload: n }),
      receive({ type: 'complete', id: String(n) }),
      receive({ type: 'subscribed', id: String(n), room: NAME, epoch: 'e1', offset: n }),
      receive({ type: 'subscribed', room: NAME, epoch: 'e1', offset: n }),
      receive({ type: 'subscribed', room: NAME, epoch: 'e1', offset: n, snapshot: n }),
      receive({ type: 'gap', room: NAME, epoch: 'e1', offset: n, reason: 'evicted' }),
      receive({ type: 'presence', id: String(n), room: NAME, total: n, members: members(n) }),
      receive({ type: 'presence-change', room: NAME, total: n, joined: members(n) }),
      receive({ type: 'request', id: String(n), event: 'ask' }),
      receive({ type: 'cancel', id: String(n) }),
      receive({ type: 'unsubscribed', room: NAME, reason: 'unavailable' }),
      receive({ type: 'unsubscribed', room: NAME, reason: 'unsupported' }),
      receive({
        type: 'error',
        id: String(n),
        code: 'unavailable',
        message: '',
        retryable: true,
      }),
      receive({ type: 'authenticate', withinMs: 1_000 }),
      receive(message(n)),
    ),
  ),
);

/** What happens to a connection whose server goes away, before and after the next one is there. */
const leaving: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom(-1, -2),
    fc.oneof(
      fc.tuple(fc.nat({ max: 5_000 }), fc.boolean()).map(([windowMs, served]): ServerFrame => ({
        type: 'going-away',
        afterMs: 0,
        windowMs,
        served,
      })),
      fc.integer({ min: 1, max: 12 }).map((n) => message(n)),
      fc
        .integer({ min: 1, max: 12 })
        .map((n): ServerFrame => ({ type: 'response', id: String(n), payload: n })),
      fc.constantFrom(1001, 4409),
    ),
  )
  .map(([which, what]): Step => ({ sockets }) => {
    const socket = sockets.at(which);
    if (typeof what === 'number') socket?.drop(what);
    else socket?.receive(what);
  });

describe('whatever happens, a client', () => {
  it.each([
    ['one live socket', 1, []],
    ['two live sockets while its server goes away', 2, [leaving]],
  ])(
    'has at most %s, keeps its delays, and settles everything when it is closed',
    async (_what, most, more) => {
      const steps = fc.array(fc.oneof(userSteps, networkSteps, serverSteps, ...more), {
        maxLength: 40,
      });
      await fc.assert(
        fc.asyncProperty(
          steps,
          fc.double({ min: 0, max: 0.999, noNaN: true }),
          async (all, random) => {
            const world = new World({ token: () => 'token' });
            world.random = random;
            world.client.on('error', () => undefined);
            const calls: Promise<unknown>[] = [];
            for (const step of all) {
              step(world, calls);
              await settle();
              expect(world.sockets.filter(({ isLive }) => isLive).length).toBeLessThanOrEqual(most);
            }
            checkTransitions(world, most === 1);
            world.client.close();
            await Promise.all(calls);
            expect(world.clock.pending).toBe(0);
            expect(world.listeners.size).toBe(0);
            expect(world.sockets.some(({ isLive }) => isLive)).toBe(false);
            expect(world.reported).toEqual([]);
          },
        ),
        { numRuns: 300 },
      );
    },
  );
});

/** Each transition begins where the last one ended, and no delay leaves its bounds. */
function checkTransitions({ changes }: World, hasMinimum: boolean): void {
  let state = 'idle';
  for (const change of changes) {
    expect(change.previous).toBe(state);
    state = change.state;
    if (change.state !== 'waiting' || change.reason === 'hidden') continue;
    const isAtOnce = !hasMinimum || [1001, 4000, 4401].includes(change.code ?? 0);
    expect(change.delayMs).toBeGreaterThanOrEqual(isAtOnce ? 0 : MIN_DELAY_MS);
    expect(change.delayMs).toBeLessThanOrEqual(MAX_DELAY_MS);
  }
}
