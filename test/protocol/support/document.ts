/** Reads PROTOCOL.md, so that tests can compare what it says with what the code does. */
import { readFileSync } from 'node:fs';

/** The text of PROTOCOL.md. */
export const protocolDocument = readFileSync(
  new URL('../../../PROTOCOL.md', import.meta.url),
  'utf8',
);

/** The text of the section under a heading of the second level, by its number. */
export function documentSection(number: number): string {
  const [, section] = protocolDocument.split(new RegExp(`^## ${String(number)}\\. .*$`, 'm'));
  if (section === undefined) throw new Error(`PROTOCOL.md has no section ${String(number)}`);
  return section.split(/^## /m)[0] ?? '';
}

/** The body of the table that follows `<!-- name -->`, cell by cell, without backticks. */
export function documentTable(name: string): string[][] {
  const [, after = ''] = protocolDocument.split(`<!-- ${name} -->`);
  const [table = ''] = after.trimStart().split('\n\n');
  return table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));
}

/** A field of a frame as the document declares it. */
export interface DocumentedField {
  readonly name: string;
  readonly optional: boolean;
  /** Its TypeScript type. */
  readonly type: string;
}

/** The fields of every frame of a section, by the frame's type; `type` itself left out. */
export function documentedFrames(section: number): Map<string, DocumentedField[]> {
  const frames = new Map<string, DocumentedField[]>();
  for (const part of documentSection(section).split(/^### /m).slice(1)) {
    const type = /^`([a-z-]+)`(?: of the (?:server|client))?\n/.exec(part)?.[1];
    const shape = /```ts\ninterface \w+ \{\n(.*?)\n\}\n```/s.exec(part)?.[1];
    if (type === undefined || shape === undefined) throw new Error('a frame without its shape');
    const fields = [...shape.matchAll(/^ {2}(\w+)(\??): (.+);$/gm)].map(
      ([, name = '', mark, fieldType = '']) => ({ name, optional: mark === '?', type: fieldType }),
    );
    if (fields[0]?.type !== `'${type}'`) throw new Error(`${type}: its shape has another type`);
    frames.set(type, fields.slice(1));
  }
  return frames;
}
