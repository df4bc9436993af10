import { describe, expect, it } from '@jest/globals';

import { Tail, TAIL_BYTES, type EncodedMessage } from '../../lib/core/tail.js';
import { publication } from '../support/fakes.js';

function message(offset: number, bytes = 10, epoch = 'e1'): EncodedMessage {
  const position = { epoch, offset };
  return { publication: { ...publication('m'), position }, bytes: new Uint8Array(bytes) };
}

function tailOf(...messages: EncodedMessage[]): Tail {
  const tail = new Tail();
  for (const one of messages) tail.push(one);
  return tail;
}

function between(tail: Tail, from: number, to: number, epoch = 'e1'): number[] | undefined {
  const found = tail.between({ epoch, offset: from }, { epoch, offset: to });
  return found?.map((one) => one.publication.position.offset);
}

describe('the tail of a room', () => {
  it('gives the messages between two positions if it has every one of them', () => {
    const tail = tailOf(message(4), message(5), message(6));
    expect(between(tail, 3, 6)).toEqual([4, 5, 6]);
    expect(between(tail, 5, 6)).toEqual([6]);
    expect(between(tail, 6, 6)).toEqual([]);
  });

  it('gives nothing if the first of them is missing, or the last', () => {
    const tail = tailOf(message(4), message(5));
    expect(between(tail, 2, 5)).toBeUndefined();
    expect(between(tail, 3, 6)).toBeUndefined();
    expect(between(tail, 3, 4)).toBeUndefined();
    expect(between(new Tail(), 3, 4)).toBeUndefined();
  });

  it('gives nothing if there is a hole between them', () => {
    expect(between(tailOf(message(4), message(5), message(8)), 3, 8)).toBeUndefined();
    expect(between(tailOf(message(4), message(5), message(8)), 4, 8)).toBeUndefined();
  });

  it('gives nothing to a position that is ahead of it', () => {
    expect(between(tailOf(message(4), message(5)), 7, 5)).toBeUndefined();
  });

  it('gives nothing of another epoch', () => {
    const tail = tailOf(message(4));
    expect(between(tail, 3, 4, 'e2')).toBeUndefined();
    const position = { epoch: 'e1', offset: 3 };
    expect(tail.between(position, { epoch: 'e2', offset: 4 })).toBeUndefined();
    expect(tail.between({ ...position, epoch: 'e0' }, { epoch: 'e1', offset: 4 })).toBeUndefined();
  });

  it('holds the latest messages up to its bound in bytes', () => {
    const tail = new Tail();
    for (let offset = 1; offset <= 1_000; offset += 1) {
      tail.push(message(offset, 1_024));
      expect(tail.bytes).toBeLessThanOrEqual(TAIL_BYTES);
    }
    expect(tail.bytes).toBe(TAIL_BYTES);
    expect(between(tail, 1_000 - 256, 1_000)).toHaveLength(256);
    expect(between(tail, 1_000 - 257, 1_000)).toBeUndefined();
  });

  it('holds one message that is larger than its bound, and that one only', () => {
    const tail = tailOf(message(1), message(2, TAIL_BYTES + 1));
    expect([tail.bytes, between(tail, 1, 2)]).toEqual([TAIL_BYTES + 1, [2]]);
    tail.push(message(3));
    expect([tail.bytes, between(tail, 2, 3)]).toEqual([10, [3]]);
  });

  it('holds nothing once it is cleared', () => {
    const tail = tailOf(message(1));
    tail.clear();
    expect([tail.bytes, between(tail, 0, 1)]).toEqual([0, undefined]);
  });
});
