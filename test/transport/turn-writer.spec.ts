import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { MessageBundle } from '../../lib/core/index.js';
import { frameOf, joinFrames, wireBytes } from '../../lib/transport/text-frame.js';
import type { Gathering } from '../../lib/transport/gathering.js';
import { TurnWriter } from '../../lib/transport/turn-writer.js';

/** The texts of unmasked frames that lie one behind the other. */
function read(given: Uint8Array): string[] {
  const bytes = Buffer.from(given);
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    expect(bytes[at]).toBe(0x81);
    const short = bytes[at + 1] ?? 0;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    let length = short;
    if (head === 4) length = bytes.readUInt16BE(at + 2);
    if (head === 10) length = Number(bytes.readBigUInt64BE(at + 2));
    texts.push(bytes.toString('utf8', at + head, at + head + length));
    at += head + length;
  }
  return texts;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function bundleOf(...texts: string[]): MessageBundle {
  const bundle = new MessageBundle();
  for (const text of texts) bundle.add(bytesOf(text));
  return bundle;
}

/** A link that has gathered so much. */
const linkOf = (flush: () => void, gatheredBytes = 1): Gathering => ({
  gatheredBytes,
  flush,
  putOff: () => undefined,
});

/** A writer whose turns end by hand. */
function makeWriter() {
  let end: (() => void) | undefined;
  let turns = 0;
  const writer = new TurnWriter((callback) => {
    turns += 1;
    end = callback;
  });
  return { writer, endTurn: () => end?.(), turns: () => turns };
}

describe('text frames', () => {
  it('are read as they were written, whatever their length and whether text or bytes', () => {
    const texts = [
      '',
      'ü€😀',
      'x'.repeat(125),
      'x'.repeat(126),
      'y'.repeat(65_535),
      'z'.repeat(65_536),
    ];
    const frames = texts.flatMap((text) => [text, frameOf(bytesOf(text))]);
    const bytes = frames.reduce((sum, frame) => sum + wireBytes(frame), 0);
    const joined = joinFrames(frames, bytes);
    expect(joined).toHaveLength(bytes);
    expect(read(joined)).toEqual(texts.flatMap((text) => [text, text]));
  });

  it('are counted exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(wireBytes(text)).toBe(frameOf(Buffer.from(text)).length);
      }),
    );
  });
});

describe('a turn', () => {
  it('ends with one flush of each link that asked for it, in the order in which they asked', () => {
    const { writer, endTurn, turns } = makeWriter();
    const flushed: string[] = [];
    const link = (name: string) => linkOf(() => flushed.push(name));
    writer.add(link('a'));
    writer.add(link('b'));
    expect(turns()).toBe(1);
    endTurn();
    expect(flushed).toEqual(['a', 'b']);
    writer.add(link('c'));
    expect(turns()).toBe(2);
    endTurn();
    expect(flushed).toEqual(['a', 'b', 'c']);
  });

  it('writes the links last that have a lot to write', () => {
    const { writer, endTurn } = makeWriter();
    const flushed: string[] = [];
    const link = (name: string, bytes: number) => linkOf(() => flushed.push(name), bytes);
    writer.add(link('a file', 100_000));
    writer.add(link('a message', 200));
    writer.add(link('a burst', 16_384));
    writer.add(link('a page', 16_385));
    endTurn();
    expect(flushed).toEqual(['a message', 'a burst', 'a file', 'a page']);
  });

  it('writes megabytes a share a turn, and what is small and comes meanwhile before the next share', () => {
    const { writer, endTurn, turns } = makeWriter();
    const flushed: string[] = [];
    const link = (name: string, bytes: number): Gathering => ({
      gatheredBytes: bytes,
      flush: () => flushed.push(name),
      putOff: () => flushed.push(`${name} later`),
    });
    for (const name of ['a', 'b', 'c', 'd', 'e']) writer.add(link(name, 524_288));
    endTurn();
    expect(flushed.splice(0)).toEqual(['a', 'b', 'c later', 'd later', 'e later']);
    writer.add(link('small', 200));
    endTurn();
    expect(flushed.splice(0)).toEqual(['small', 'c', 'd']);
    endTurn();
    expect(flushed).toEqual(['e']);
    expect(turns()).toBe(3);
  });

  it('writes the rest of earlier megabytes before it puts off others', () => {
    const { writer, endTurn } = makeWriter();
    const flushed: string[] = [];
    const add = (name: string) => {
      writer.add(linkOf(() => flushed.push(name), 1_048_576));
    };
    for (const name of ['a', 'b', 'c']) add(name);
    endTurn();
    expect(flushed.splice(0)).toEqual(['a']);
    for (const name of ['d', 'e']) add(name);
    endTurn();
    expect(flushed.splice(0)).toEqual(['b', 'c', 'd']);
    endTurn();
    expect(flushed).toEqual(['e']);
  });

  it('writes everything within eight turns, however much there is', () => {
    const { writer, endTurn, turns } = makeWriter();
    let flushed = 0;
    for (let index = 0; index < 400; index += 1) writer.add(linkOf(() => (flushed += 1), 60_000));
    for (let turn = 0; turn < 8; turn += 1) endTurn();
    expect([flushed, turns()]).toEqual([400, 8]);
  });

  it('that sends while it is flushed is followed by another', () => {
    const { writer, endTurn, turns } = makeWriter();
    const flushed: string[] = [];
    const second = linkOf(() => flushed.push('second'));
    const first = linkOf(() => {
      flushed.push('first');
      writer.add(second);
    });
    writer.add(first);
    endTurn();
    expect(flushed).toEqual(['first']);
    expect(turns()).toBe(2);
    endTurn();
    expect(flushed).toEqual(['first', 'second']);
  });

  it('frames a message once for all links', () => {
    const { writer } = makeWriter();
    const message = bytesOf('to all');
    expect(writer.frame(message)).toBe(writer.frame(message));
    expect(writer.frame(bytesOf('another'))).not.toBe(writer.frame(message));
  });

  it('gives links that got the same messages one buffer, and others their own', () => {
    const { writer } = makeWriter();
    const [one, two] = [frameOf(bytesOf('one')), frameOf(bytesOf('two'))];
    const both = writer.join([one, two], one.length + two.length);
    expect(read(both)).toEqual(['one', 'two']);
    expect(writer.join([one, two], one.length + two.length)).toBe(both);
    expect(read(writer.join([two, one], one.length + two.length))).toEqual(['two', 'one']);
    expect(writer.join(one, one.length)).toBe(one);
    expect(read(writer.join('text', wireBytes('text')))).toEqual(['text']);
  });

  it('leaves nothing of its messages behind', () => {
    const { writer, endTurn } = makeWriter();
    const message = bytesOf('gone');
    const frame = writer.frame(message);
    const joined = writer.join([frame, frame], 2 * frame.length);
    writer.add(linkOf(() => undefined));
    endTurn();
    expect(writer.frame(message)).not.toBe(frame);
    expect(writer.join([frame, frame], 2 * frame.length)).not.toBe(joined);
  });

  it('makes the frames of a bundle once, and forgets them with its turn', () => {
    const { writer, endTurn } = makeWriter();
    const [bundle, later] = [bundleOf('one', 'two'), bundleOf('three')];
    const written: Uint8Array[] = [];
    const link = linkOf(() => {
      written.push(writer.join(bundle, 0));
      // Taken in this turn, written in the next one.
      writer.taken(later);
    });
    writer.taken(bundle);
    writer.add(link);
    writer.add(link);
    endTurn();
    expect(written.map(read)).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
    expect(written[0]).toBe(written[1]);
    expect(bundle.messages).toEqual([]);
    expect(read(writer.join(later, 0))).toEqual(['three']);
  });

  it('keeps its bundles, and those of the next turns, until its megabytes are written', () => {
    const { writer, endTurn } = makeWriter();
    const bundles = [bundleOf('first'), bundleOf('second'), bundleOf('third')];
    const [first, second] = bundles;
    for (const bytes of [1_048_576, 1_048_576, 60_000]) {
      writer.add(linkOf(() => undefined, bytes));
    }
    const kept = (): number => bundles.filter(({ messages }) => messages.length > 0).length;
    if (first !== undefined) writer.taken(first);
    endTurn();
    expect(kept()).toBe(3);
    // A link with a lot to write may have taken this one behind it.
    if (second !== undefined) writer.taken(second);
    endTurn();
    expect(kept()).toBe(3);
    endTurn();
    expect(kept()).toBe(1);
  });
});
