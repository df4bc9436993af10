import type { JsonCodec } from './json-codec.js';
import { MAX_ID_LENGTH } from './limits.js';
import { parseJson } from './parse-json.js';
import { badFrame, ProtocolError } from './protocol-error.js';
import { serverFrameParts, serverFrameRules } from './server-frame-rules.js';
import type { ServerFrame } from './server-frames.js';

/**
 * Reads a frame that a server sent. Total, as the other direction. A type of a later version is an
 * error with code `unknown-type`: a client ignores those.
 *
 * Messages name the field and nothing else: this is part of every page that has a client.
 */
export function decodeServerFrame(input: unknown, json?: JsonCodec): ServerFrame | ProtocolError {
  const value = typeof input === 'string' ? (parseJson(input, json) as Fields) : undefined;
  const { type, id } = value ?? {};
  if (typeof type !== 'string') return badFrame('no frame');
  const rules = serverFrameRules.get(type);
  // The server's own ids are not those of calls: an error under one would be taken for an answer.
  const isAnswer = isId(id) && type !== 'request' && type !== 'cancel';
  const answered = isAnswer ? id : undefined;
  if (rules === undefined) return new ProtocolError('unknown-type', 'type', answered);
  const broken = brokenField(rules, value);
  return broken === undefined
    ? (value as unknown as ServerFrame)
    : new ProtocolError('invalid-field', `${type}.${broken}`, answered);
}

/** A JSON value, by its fields. What is no object is refused all the same: every part has fields that it must have. */
type Fields = Readonly<Record<string, unknown>> | null | undefined;

const isId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_ID_LENGTH;

/** The first field that does not obey the rules; `undefined` when all do. */
function brokenField(rules: string, part: Fields): string | undefined {
  const broken = rules.split(' ').find((rule) => {
    const value = part?.[rule.slice(2)];
    return value === undefined ? rule[1] === '.' : !fits(rule[0] ?? '', value);
  });
  return broken?.slice(2);
}

function fits(kind: string, value: unknown): boolean {
  if (kind === '*') return true;
  if (kind === 's') return typeof value === 'string';
  if (kind === 'i') return isId(value);
  if (kind === 'b') return typeof value === 'boolean';
  if (kind === 'n') return Number.isSafeInteger(value) && (value as number) >= 0;
  if (kind < 'a') return Array.isArray(value) && value.every((item) => fitsPart(kind, item));
  return fitsPart(kind, value);
}

const fitsPart = (kind: string, value: unknown): boolean =>
  kind === 'S'
    ? typeof value === 'string'
    : !brokenField(serverFrameParts[kind] ?? '', value as Fields);
