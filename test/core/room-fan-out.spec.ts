import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { BUNDLE_BYTES, MessageBundle } from '../../lib/core/message-bundle.js';
import { Outbox } from '../../lib/core/outbox.js';
import type { Transport } from '../../lib/core/index.js';
import { RoomFanOut } from '../../lib/core/room-fan-out.js';

const decoder = new TextDecoder();
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A link that writes when its turn ends. */
class TurnLink implements Transport {
  /** What its peer has read. */
  readonly texts: string[] = [];
  /** How often it was given something. */
  visits = 0;
  isBehind = false;
  readonly #waiting: (string | MessageBundle)[] = [];
  #open: MessageBundle | undefined;

  get bufferedBytes(): number {
    const sizes = this.#waiting.map((part) =>
      typeof part === 'string' ? part.length : part.bytes,
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  send(message: string | Uint8Array): void {
    this.visits += 1;
    this.#open?.close();
    this.#open = undefined;
    this.#waiting.push(typeof message === 'string' ? message : decoder.decode(message));
  }

  take(bundle: MessageBundle): boolean {
    this.visits += 1;
    if (this.isBehind) return false;
    this.#open?.close();
    this.#open = bundle;
    this.#waiting.push(bundle);
    return true;
  }

  endTurn(): void {
    if (this.isBehind) return;
    this.#open?.close();
    this.#open = undefined;
    for (const part of this.#waiting.splice(0)) {
      if (typeof part === 'string') this.texts.push(part);
      else this.texts.push(...part.messages.map((message) => decoder.decode(message)));
    }
  }

  close(): void {
    this.endTurn();
  }

  terminate(): void {
    this.endTurn();
  }

  pause(): void {
    throw new Error('expected nobody to read');
  }

  resume(): void {
    throw new Error('expected nobody to read');
  }
}

/** A member, and what it should have read. */
class Reader {
  readonly link = new TurnLink();
  readonly outbox: Outbox;
  readonly expected: string[] = [];
  hasOverflown = false;

  constructor(limitBytes = 1_048_576) {
    this.outbox = new Outbox(this.link, limitBytes, () => {
      this.hasOverflown = true;
    });
    this.outbox.open({
      type: 'connected',
      connectionId: 'c',
      user: { id: 'ada' },
      heartbeat: { intervalMs: 1, timeoutMs: 2 },
      limits: { frameBytes: 1, rooms: 1 },
    });
    this.endTurn();
    this.link.texts.length = 0;
    this.link.visits = 0;
  }

  endTurn(): void {
    this.link.endTurn();
  }
}

function roomOf(...readers: Reader[]): RoomFanOut<Reader> {
  const room = new RoomFanOut<Reader>();
  for (const reader of readers) room.add(reader);
  return room;
}

describe('fan-out to a room', () => {
  it('visits each member once a turn, however many messages there are', () => {
    const readers = [new Reader(), new Reader(), new Reader()];
    const room = roomOf(...readers);
    for (let turn = 0; turn < 2; turn += 1) {
      for (let n = 0; n < 10; n += 1) room.send(bytesOf(`${String(turn)}.${String(n)}`));
      for (const reader of readers) reader.endTurn();
    }
    for (const { link } of readers) {
      expect(link.visits).toBe(2);
      expect(link.texts).toHaveLength(20);
    }
  });

  it('keeps the place of what else a member is sent', () => {
    const [ada, bob] = [new Reader(), new Reader()];
    const room = roomOf(ada, bob);
    room.send(bytesOf('one'));
    ada.outbox.sendEncoded('reply', 5);
    room.send(bytesOf('two'));
    room.send(bytesOf('three'));
    ada.endTurn();
    bob.endTurn();
    expect(ada.link.texts).toEqual(['one', 'reply', 'two', 'three']);
    expect(bob.link.texts).toEqual(['one', 'two', 'three']);
  });

  it('gives who comes in the middle of a turn what comes after, and who goes what came before', () => {
    const [ada, bob, eve] = [new Reader(), new Reader(), new Reader()];
    const room = roomOf(ada, bob);
    room.send(bytesOf('one'));
    room.add(eve);
    room.send(bytesOf('two'));
    room.delete(bob);
    room.send(bytesOf('three'));
    for (const reader of [ada, bob, eve]) reader.endTurn();
    expect(ada.link.texts).toEqual(['one', 'two', 'three']);
    expect(bob.link.texts).toEqual(['one', 'two']);
    expect(eve.link.texts).toEqual(['two', 'three']);
  });

  it('sends a member that is behind each message by itself, and leaves the others alone', () => {
    const [ada, slow] = [new Reader(), new Reader()];
    const room = roomOf(ada, slow);
    slow.link.isBehind = true;
    for (const text of ['one', 'two', 'three']) room.send(bytesOf(text));
    expect([ada.link.visits, slow.link.visits]).toEqual([1, 4]);
    slow.link.isBehind = false;
    for (const reader of [ada, slow]) reader.endTurn();
    expect(slow.link.texts).toEqual(ada.link.texts);
    room.send(bytesOf('four'));
    room.send(bytesOf('five'));
    // The next turn it is one of them again.
    expect([ada.link.visits, slow.link.visits]).toEqual([2, 5]);
  });

  it('counts exactly what waits for a member whose outbox has no room for a bundle', () => {
    const small = new Reader(BUNDLE_BYTES - 1);
    const room = roomOf(small);
    const message = bytesOf('x'.repeat(1_000));
    for (let n = 0; n < 65; n += 1) room.send(message);
    expect(small.hasOverflown).toBe(false);
    room.send(message);
    expect(small.hasOverflown).toBe(true);
  });

  it('sends what is larger than a bundle by itself, in its place', () => {
    const ada = new Reader();
    const room = roomOf(ada);
    const large = 'x'.repeat(BUNDLE_BYTES);
    for (const text of ['one', large, 'two']) room.send(bytesOf(text));
    ada.endTurn();
    expect(ada.link.texts).toEqual(['one', large, 'two']);
  });

  it('holds no more in a bundle than its bound', () => {
    const bundle = new MessageBundle();
    const message = bytesOf('x'.repeat(100));
    let added = 0;
    while (bundle.add(message)) added += 1;
    expect(bundle.bytes).toBeLessThanOrEqual(BUNDLE_BYTES);
    expect(added * 100).toBeGreaterThan(BUNDLE_BYTES / 2);
  });

  it('gives every member every message of its time once and in order, whatever happens', () => {
    const act = fc.record({
      kind: fc.constantFrom('send', 'send', 'send', 'reply', 'enter', 'leave', 'turn', 'stall'),
      who: fc.nat(3),
      size: fc.constantFrom(1, 1, 30_000, 70_000),
    });
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const readers = [0, 1, 2, 3].map(() => new Reader(50_000_000));
        const room = new RoomFanOut<Reader>();
        for (const [index, { kind, who, size }] of acts.entries()) {
          const reader = readers[who];
          if (reader === undefined) continue;
          const text = `${String(index)} ${'x'.repeat(size)}`;
          if (kind === 'send') {
            room.send(bytesOf(text));
            for (const member of room.members) member.expected.push(text);
          } else if (kind === 'reply') {
            reader.outbox.sendEncoded(text, text.length);
            reader.expected.push(text);
          } else if (kind === 'enter') room.add(reader);
          else if (kind === 'leave') room.delete(reader);
          else if (kind === 'stall') reader.link.isBehind = !reader.link.isBehind;
          else for (const one of readers) one.endTurn();
        }
        for (const { link, expected } of readers) {
          link.isBehind = false;
          link.endTurn();
          expect(link.texts).toEqual(expected);
        }
      }),
      { numRuns: 500 },
    );
  });
});
