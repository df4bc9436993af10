/** Random frames and JSON texts. */
import fc from 'fast-check';
import {
  MAX_CREDIT,
  MAX_HISTORY_PAGE,
  type ClientFrame,
  type ServerFrame,
} from '../../../lib/protocol/index.js';

const id = fc.string({ minLength: 1, maxLength: 64 });
const event = fc.string({ minLength: 1, maxLength: 128 });
/** A value as it comes out of JSON: `-0` goes in and comes out as `0`. */
const payload = fc
  .jsonValue({ maxDepth: 6 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const text = fc.string();
const count = fc.nat(Number.MAX_SAFE_INTEGER);
const segment = fc.stringMatching(/^[A-Za-z0-9._~@:-]{1,20}$/);
const room = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
/** Any number that JSON can hold; `-0` comes back as `0`, so there is none. */
const anyNumber = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

type Fields = Record<string, fc.Arbitrary<unknown>>;

/** A record of a frame; those named in `optional` may be absent. */
function frame<T>(type: string, required: Fields, optional: Fields = {}): fc.Arbitrary<T> {
  const model: Fields = { type: fc.constant(type), ...required, ...optional };
  return fc
    .record(model, { requiredKeys: ['type', ...Object.keys(required)], noNullPrototype: true })
    .map((value) => value as T);
}

/** A record that is no frame. Those of its fields that are named have to be there. */
function part(model: Fields, requiredKeys: string[]): fc.Arbitrary<unknown> {
  return fc.record(model, { requiredKeys, noNullPrototype: true });
}

const claimed = { epoch: id, offset: anyNumber };
const wish = { ...claimed, snapshot: fc.boolean() };
const helloRoom = part({ room, ...wish }, ['room']);

/** Any good frame of a client. */
export const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof<fc.Arbitrary<ClientFrame>[]>(
  frame(
    'hello',
    {},
    {
      token: fc.string({ minLength: 1, maxLength: 100 }),
      clientKey: id,
      attempt: count,
      rooms: fc.array(helloRoom, { maxLength: 5 }),
    },
  ),
  frame('subscribe', { id, room }, wish),
  frame('unsubscribe', { id, room }),
  frame('publish', { room, event }, { id, payload }),
  frame(
    'request',
    { id, event },
    { payload, retry: fc.boolean(), credit: fc.integer({ min: 1, max: MAX_CREDIT }) },
  ),
  frame('cancel', { id }),
  frame('credit', { id, count: fc.integer({ min: 1, max: MAX_CREDIT }) }),
  frame('response', { id }, { payload }),
  frame('error', { id, code: id, message: fc.string({ maxLength: 100 }) }),
  frame(
    'presence',
    { id, room },
    { action: fc.constantFrom('get', 'watch', 'unwatch', 'update'), info: payload },
  ),
  frame(
    'history',
    { id, room },
    {
      ...claimed,
      direction: fc.constantFrom('forwards', 'backwards'),
      limit: fc.integer({ min: 1, max: MAX_HISTORY_PAGE }),
    },
  ),
  frame('authenticate', { id, token: fc.string({ minLength: 1, maxLength: 100 }) }),
  frame('ping', {}, { id }),
);

const position = { epoch: text, offset: count };
const reason = fc.constantFrom('evicted', 'epoch-changed', 'position-unknown', 'limit');

const connection = part({ connectionId: text, info: payload }, ['connectionId']);
const member = part(
  { userId: text, connections: fc.array(connection, { minLength: 1, maxLength: 3 }) },
  ['userId', 'connections'],
);
const members = fc.array(member, { maxLength: 5 });
const pastMessage = part({ event: text, id: text, timestamp: count, offset: count, payload }, [
  'event',
  'id',
  'timestamp',
  'offset',
]);

/** Any good frame of a server, payloads as plain values. */
export const serverFrame: fc.Arbitrary<ServerFrame> = fc.oneof<fc.Arbitrary<ServerFrame>[]>(
  frame('connected', {
    connectionId: text,
    user: fc.record({ id: text }, { noNullPrototype: true }),
    heartbeat: fc.record({ intervalMs: count, timeoutMs: count }, { noNullPrototype: true }),
    limits: fc.record({ frameBytes: count, rooms: count }, { noNullPrototype: true }),
  }),
  frame(
    'subscribed',
    { room: text, ...position },
    { id, recovered: fc.boolean(), replayed: count, reason, snapshot: payload },
  ),
  frame('unsubscribed', { room: text }, { id, reason: text }),
  frame(
    'message',
    { event: text, id: text, timestamp: count },
    { room: text, ...position, payload },
  ),
  frame('position', { room: text, ...position }),
  frame('gap', { room: text, ...position, reason }),
  frame('skipped', { room: text, count: fc.nat() }),
  frame('delayed', { delayed: fc.boolean() }, { rooms: fc.array(text) }),
  frame('request', { id, event: text }, { payload }),
  frame('cancel', { id }),
  frame('response', { id }, { payload }),
  frame('next', { id }, { payload }),
  frame('complete', { id }),
  frame(
    'error',
    { code: text, message: text, retryable: fc.boolean() },
    { id, retryAfterMs: count, details: payload },
  ),
  frame(
    'published',
    { id, durability: fc.constantFrom('none', 'memory', 'redis', 'replicated') },
    position,
  ),
  frame('presence', { id, room: text, total: count }, { members }),
  frame(
    'presence-change',
    { room: text, total: count },
    { joined: members, updated: members, left: fc.array(text, { maxLength: 5 }) },
  ),
  frame(
    'history',
    {
      id,
      room: text,
      ...position,
      messages: fc.array(pastMessage, { maxLength: 5 }),
      complete: fc.boolean(),
    },
    { reason },
  ),
  frame('authenticate', { withinMs: count }),
  frame('authenticated', { id }, { expiresAt: count }),
  frame('going-away', { afterMs: count, windowMs: count }, { served: fc.boolean() }),
  frame('pong', {}, { id }),
);

const space = fc.constantFrom('', '', '', ' ', '\t', '\n', '\r', '  \n');

/** A JSON string, written in one of the many ways in which JSON lets one write it. */
const jsonString: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('__proto__', 'constructor', 'type', 'id', 'payload', '', '{', '}"', '[', ','),
      fc.string({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 6 }),
    ),
    fc.boolean(),
  )
  .map(([value, escaped]) => (escaped ? escapeAll(value) : JSON.stringify(value)));

function escapeAll(value: string): string {
  let written = '';
  for (let index = 0; index < value.length; index += 1) {
    written += `\\u${value.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return `"${written}"`;
}

const jsonScalar = fc.oneof(
  jsonString,
  fc.constantFrom('null', 'true', 'false', '0', '-0', '1e400', '-1.5E-7', '9007199254740993'),
);

/** JSON text with odd white space, escapes, repeated keys and dangerous names. */
export const { object: jsonObjectText, value: jsonText } = fc.letrec<{
  value: string;
  array: string;
  object: string;
}>((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, jsonScalar, tie('array'), tie('object')),
  array: fc
    .tuple(space, fc.array(fc.tuple(space, tie('value'), space), { maxLength: 3 }))
    .map(([inner, items]) => `[${items.length === 0 ? inner : items.map(joined).join(',')}]`),
  object: fc
    .tuple(
      space,
      fc.array(fc.tuple(space, jsonString, space, space, tie('value'), space), { maxLength: 5 }),
    )
    .map(
      ([inner, fields]) =>
        `{${
          fields.length === 0
            ? inner
            : fields.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`).join(',')
        }}`,
    ),
}));

function joined(parts: readonly string[]): string {
  return parts.join('');
}

/** A text in which a few characters were taken out, put in or replaced. */
export function mutated(source: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const piece = fc.oneof(
    fc.constantFrom(
      '',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '\u0000',
      '\n',
      ' ',
      '\uFEFF',
      '1',
    ),
    fc.constantFrom('\\u', '\\u00', 'null', '{}', '""', '\uD800', '__proto__', '{"a":'),
  );
  const edit = fc.tuple(fc.nat(), fc.nat(3), piece);
  return fc.tuple(source, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([whole, edits]) =>
    edits.reduce((present, [where, taken, put]) => {
      const at = where % (present.length + 1);
      return present.slice(0, at) + put + present.slice(at + taken);
    }, whole),
  );
}
