import { describe, expect, it } from '@jest/globals';

import { HistoryReads } from '../../lib/core/history-reads.js';
import { LocalRoom } from '../../lib/core/local-room.js';
import type { Broker, HistoryPage, HistoryQuery } from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { deferred, turn, type Deferred } from '../support/turns.js';

interface Asked {
  readonly room: string;
  readonly from: number | undefined;
  readonly answer: Deferred<HistoryPage>;
}

/** A store that answers when it is told to. */
class SlowStore implements Pick<Broker, 'history'> {
  readonly asked: Asked[] = [];

  history(room: string, { from }: HistoryQuery): Promise<HistoryPage> {
    const answer = deferred<HistoryPage>();
    this.asked.push({ room, from, answer });
    return answer.promise;
  }

  answer(index: number): void {
    this.asked[index]?.answer.resolve({ top: at(9), oldest: 1, messages: [] });
  }
}

function at(offset: number, epoch = 'e'): Position {
  return { epoch, offset };
}

async function roomAt(name: string, position: Position): Promise<LocalRoom> {
  const room = new LocalRoom(name, Promise.resolve(position));
  await room.ready;
  return room;
}

describe('reading history for those who come back', () => {
  it('T-04 reads a page once for all who come from the same place while it is read', async () => {
    const store = new SlowStore();
    const reads = new HistoryReads(store);
    const room = await roomAt('r', at(9));
    const pages = Array.from({ length: 1_000 }, () => reads.read(room, at(4)));
    expect(store.asked).toMatchObject([{ room: 'r', from: 4 }]);
    store.answer(0);
    expect(new Set(await Promise.all(pages)).size).toBe(1);
    void reads.read(room, at(4));
    expect(store.asked).toHaveLength(2);
  });

  it('reads apart what is not the same', async () => {
    const store = new SlowStore();
    const reads = new HistoryReads(store);
    const [one, two] = [await roomAt('r', at(9)), await roomAt('r/s', at(9))];
    for (const [room, from] of [
      [one, at(4)],
      [one, at(5)],
      [two, at(4)],
    ] as const) {
      void reads.read(room, from);
    }
    expect(store.asked.map(({ room, from }) => [room, from])).toEqual([
      ['r', 4],
      ['r', 5],
      ['r/s', 4],
    ]);
  });

  it('P2 shares no page with those whose place may be newer than it', async () => {
    const store = new SlowStore();
    const reads = new HistoryReads(store);
    const room = await roomAt('r', at(9));
    for (const from of [at(10), at(10), at(4, 'older'), at(4, 'older')])
      void reads.read(room, from);
    expect(store.asked).toHaveLength(4);
  });

  it('T-04 asks the store for 64 pages at once, the others in their order', async () => {
    const store = new SlowStore();
    const reads = new HistoryReads(store);
    const rooms = await Promise.all(
      Array.from({ length: 100 }, (_, n) => roomAt(`r${String(n)}`, at(9))),
    );
    const pages = rooms.map((room) => reads.read(room, at(4)));
    expect(store.asked).toHaveLength(64);
    store.answer(3);
    store.answer(7);
    await turn();
    expect(store.asked.slice(64).map(({ room }) => room)).toEqual(['r64', 'r65']);
    for (let index = 0; index < 100; index += 1) {
      store.answer(index);
      await turn();
    }
    expect(await Promise.all(pages)).toHaveLength(100);
  });

  it('T-04 goes on after reads that fail, and shares no failure with those who ask later', async () => {
    const store = new SlowStore();
    const reads = new HistoryReads(store);
    const rooms = await Promise.all(
      Array.from({ length: 65 }, (_, n) => roomAt(`r${String(n)}`, at(9))),
    );
    const results = Promise.allSettled(rooms.map((room) => reads.read(room, at(4))));
    for (let index = 0; index < 65; index += 1) {
      store.asked[index]?.answer.reject(new Error('away'));
      await turn();
    }
    expect((await results).map(({ status }) => status)).not.toContain('fulfilled');
    const again = reads.read(rooms[0] as LocalRoom, at(4));
    store.answer(65);
    expect((await again).top).toEqual(at(9));
  });
});
