import type { RoomParams } from './room-policy.interface.js';

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'rest' };

/** Lower is more specific. */
const RANK: Record<Segment['kind'], number> = { literal: 0, param: 1, rest: 2 };

const LITERAL = /^[A-Za-z0-9._~@:-]+$/;
const PARAM = /^:([A-Za-z_][A-Za-z0-9_]*)$/;

/** A pattern such as `chat/:room` or `files/*`, ready to be compared with names. */
export class RoomPattern {
  readonly #segments: readonly Segment[];

  /** @throws Error if the pattern breaks the grammar. */
  constructor(readonly source: string) {
    const parts = source.split('/');
    this.#segments = parts.map((part, index) =>
      parseSegment(source, part, index === parts.length - 1),
    );
    const names = this.#segments.flatMap((segment) =>
      segment.kind === 'param' ? segment.name : [],
    );
    if (new Set(names).size < names.length) throw wrong(source, 'a parameter name occurs twice');
  }

  /** The parameters' values if the name matches, else `undefined`. `*` gives its part under `*`. */
  match(name: string): RoomParams | undefined {
    const parts = name.split('/');
    const params: [string, string][] = [];
    for (const [index, segment] of this.#segments.entries()) {
      const part = parts[index];
      if (part === undefined) return undefined;
      if (segment.kind === 'rest') {
        params.push(['*', parts.slice(index).join('/')]);
        return Object.fromEntries(params);
      }
      if (segment.kind === 'param') params.push([segment.name, part]);
      else if (segment.text !== part) return undefined;
    }
    return parts.length === this.#segments.length ? Object.fromEntries(params) : undefined;
  }

  /** Negative if this pattern is more specific than the other, 0 if they match the same names. */
  compare(other: RoomPattern): number {
    const length = Math.min(this.#segments.length, other.#segments.length);
    for (let index = 0; index < length; index += 1) {
      const mine = this.#segments[index];
      const theirs = other.#segments[index];
      if (mine === undefined || theirs === undefined) break;
      const difference = RANK[mine.kind] - RANK[theirs.kind];
      if (difference !== 0) return difference;
      if (mine.kind === 'literal' && theirs.kind === 'literal' && mine.text !== theirs.text) {
        return mine.text < theirs.text ? -1 : 1;
      }
    }
    return other.#segments.length - this.#segments.length;
  }
}

function parseSegment(source: string, part: string, isLast: boolean): Segment {
  if (part === '*') {
    if (isLast) return { kind: 'rest' };
    throw wrong(source, '"*" may only be the last segment');
  }
  const name = PARAM.exec(part)?.[1];
  if (name !== undefined) return { kind: 'param', name };
  if (part.startsWith(':') || !LITERAL.test(part)) {
    throw wrong(
      source,
      'a segment is a literal of A-Z a-z 0-9 . _ ~ @ : -, a ":name" or a final "*"',
    );
  }
  return { kind: 'literal', text: part };
}

function wrong(source: string, rule: string): Error {
  return new Error(`@RealtimeRoom(${JSON.stringify(source)}): ${rule}`);
}
