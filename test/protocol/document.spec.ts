import { describe, expect, it } from '@jest/globals';
import { clientFrameRules } from '../../lib/protocol/client-frame-rules.js';
import { serverFrameRules } from '../../lib/protocol/server-frame-rules.js';
import type { FrameRules } from '../../lib/protocol/validate.js';
import { SUBPROTOCOLS } from '../../lib/protocol/version.js';
import { documentedFrames, documentSection, protocolDocument } from './support/document.js';
import { goldenClientFrames, goldenServerFrames } from './support/golden-frames.js';

/** Field names of each type, those that may be absent with a `?`. */
function shapes(rules: FrameRules): Record<string, string[]> {
  return Object.fromEntries(
    [...rules].map(([type, fields]) => [
      type,
      fields.map(({ name, required }) => (required ? name : `${name}?`)).sort(),
    ]),
  );
}

function documentedShapes(section: number): Record<string, string[]> {
  return Object.fromEntries(
    [...documentedFrames(section)].map(([type, fields]) => [
      type,
      fields.map(({ name, optional }) => (optional ? `${name}?` : name)).sort(),
    ]),
  );
}

/** The names in the rules of a server's frames, in the same form. */
function serverShapes(): Record<string, string[]> {
  return Object.fromEntries(
    [...serverFrameRules].map(([type, rules]) => [
      type,
      rules
        .split(' ')
        .map((rule) => (rule[1] === '?' ? `${rule.slice(2)}?` : rule.slice(2)))
        .sort(),
    ]),
  );
}

describe('PROTOCOL.md', () => {
  it('shows every field of every frame of a client, and whether it may be absent', () => {
    expect(documentedShapes(4)).toEqual(shapes(clientFrameRules));
  });

  it('shows every field of every frame of a server, and whether it may be absent', () => {
    expect(documentedShapes(5)).toEqual(serverShapes());
  });

  it('says the direction of every frame', () => {
    const count = (text: string, part: string) => text.split(part).length - 1;
    expect(count(documentSection(4), 'Direction: **client → server**')).toBe(clientFrameRules.size);
    expect(count(documentSection(5), 'Direction: **server → client**')).toBe(serverFrameRules.size);
  });

  it.each(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7'])(
    'prints promise %s with its state',
    (promise) => {
      const row = documentSection(2)
        .split('\n')
        .filter((line) => line.startsWith(`| **${promise}**`));
      expect(row).toHaveLength(1);
      expect(row[0]?.split('|')[3]).toMatch(/0\.1|not yet/i);
    },
  );

  it('lists what is reserved, and none of that is spoken', () => {
    const reserved = documentSection(13);
    expect(reserved).toContain('`resume` in `hello`');
    expect(clientFrameRules.get('hello')?.map(({ name }) => name)).not.toContain('resume');
    expect(reserved).toContain('subprotocol `realtime.v1.msgpack`');
    expect(SUBPROTOCOLS).toEqual(['realtime.v1.json']);
  });

  it('gives every verdict a row, and every reason of a gap its meaning', () => {
    const gap = documentSection(5).split('### `gap`\n')[1]?.split('\n### ')[0] ?? '';
    const declared = /reason: (.*);/.exec(gap)?.[1]?.split(' | ') ?? [];
    expect(declared.sort()).toEqual([
      "'epoch-changed'",
      "'evicted'",
      "'limit'",
      "'position-unknown'",
    ]);
    for (const reason of declared) {
      const row = `recovered: false, reason: ${reason.replaceAll("'", '"')}`;
      expect(documentSection(7)).toContain(row);
    }
  });

  it('has no link to a heading that is not there', () => {
    const anchors = [...protocolDocument.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
    const links = [...protocolDocument.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.filter((link) => !anchors.includes(link ?? ''))).toEqual([]);
  });
});

describe('golden frames', () => {
  it('have one frame of every type with every field', () => {
    const fields = (all: Record<string, string[]>) =>
      Object.entries(all).map(([type, names]) => [
        type,
        ...names.map((name) => name.replace('?', '')).sort(),
      ]);
    const golden = (frames: readonly { readonly type: string }[]) =>
      frames.map((frame) => [
        frame.type,
        ...Object.keys(frame)
          .filter((name) => name !== 'type')
          .sort(),
      ]);
    expect(golden(goldenClientFrames)).toEqual(fields(shapes(clientFrameRules)));
    expect(golden(goldenServerFrames)).toEqual(fields(serverShapes()));
  });
});
