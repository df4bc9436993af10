/** Many clients that want the same at the same moment: T-02 and T-04 of the catalogue of faults. */
import { describe, expect, it } from '@jest/globals';

import type { HistoryPage, HistoryQuery } from '../../lib/core/index.js';
import { MemoryBroker } from '../../lib/memory/index.js';
import { CountingRandom } from '../support/fakes.js';
import { NodeWorld } from '../support/node-world.js';
import { deferred, turn, turns } from '../support/turns.js';

/** A broker whose history takes until a test lets it go on. */
class SlowBroker extends MemoryBroker {
  readonly gate = deferred();
  reads = 0;

  override async history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    this.reads += 1;
    await this.gate.promise;
    return super.history(room, query);
  }
}

describe('a thousand clients at once', () => {
  it('T-04 come back to a room by one read of its history, and miss nothing', async () => {
    let slow: SlowBroker | undefined;
    const world = await NodeWorld.start({
      broker: ({ clock }) => (slow = new SlowBroker(clock, new CountingRandom('epoch'))),
    });
    const witness = await world.connect('witness');
    const [subscribed] = await witness.ask({ type: 'subscribe', id: 's', room: 'r' });
    if (subscribed?.type !== 'subscribed') throw new Error('expected to be subscribed');
    for (let n = 0; n < 5; n += 1) await world.node.publish('r', { event: 'said', payload: '1' });
    const rooms = [{ room: 'r', epoch: subscribed.epoch, offset: 2 }];
    const peers = Array.from({ length: 1_000 }, (_, n) => {
      const peer = world.meet();
      peer.say({ type: 'hello', token: `token-u${String(n)}`, rooms });
      return peer;
    });
    await turns(5);
    slow?.gate.resolve();
    await turns(5);
    expect(slow?.reads).toBe(1);
    for (const peer of peers) {
      const [, verdict, ...missed] = peer.frames();
      expect(verdict).toMatchObject({ type: 'subscribed', recovered: true, replayed: 3 });
      expect(missed.map((frame) => (frame.type === 'message' ? frame.offset : 0))).toEqual([
        3, 4, 5,
      ]);
    }
  });

  it('T-02 whose tokens run out in the same second are asked for fresh ones over a tenth of their life', async () => {
    const world = await NodeWorld.start();
    const lifeMs = 600_000;
    const expiresAt = world.clock.now() + lifeMs;
    let users = 0;
    world.verifier.instead = () =>
      Promise.resolve({ user: { id: `u${String((users += 1))}` }, expiresAt });
    let next = 0;
    world.random.fraction = () => ((next++ % 1_000) + 0.5) / 1_000;
    const peers = Array.from({ length: 1_000 }, () => {
      const peer = world.meet();
      peer.say({ type: 'hello', token: 'x' });
      return peer;
    });
    await turn();
    for (const peer of peers) peer.frames();
    const askedBy: number[] = [];
    for (let percent = 1; percent <= 92; percent += 1) {
      world.clock.advance(lifeMs / 100);
      const asked = peers.filter((peer) => peer.frames().some(isQuestion));
      askedBy.push(...asked.map(() => percent));
    }
    expect(askedBy).toHaveLength(1_000);
    expect([Math.min(...askedBy), Math.max(...askedBy)]).toEqual([81, 90]);
    for (let percent = 81; percent <= 90; percent += 1) {
      expect(askedBy.filter((one) => one === percent).length).toBeLessThanOrEqual(101);
    }
  });
});

function isQuestion({ type }: { readonly type: string }): boolean {
  return type === 'authenticate';
}
