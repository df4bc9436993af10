/**
 * The dialogues of PROTOCOL.md as data: their shape, how to load them, and how to compare a frame
 * with an expected one. Used by the runners of both sides; the format is described in
 * `test/protocol/vectors/README.md`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Who may replay a dialogue: a runner that tests a server, or one that tests a client. */
export type Side = 'server' | 'client';

/** What the reference application has to offer for a dialogue. */
export interface ServerSetup {
  /** Who `token-ada` belongs to; `null` when nobody gets in. */
  readonly user: string | null;
  /** Room patterns the dialogue uses. */
  readonly rooms: readonly string[];
  /** Request handlers the dialogue uses. */
  readonly handlers: readonly string[];
  /** Limits that differ from the defaults. */
  readonly limits?: {
    readonly rooms?: number;
    /** Connection attempts that an address may make at once. */
    readonly attempts?: number;
    /** Missed messages that are replayed. */
    readonly replayMessages?: number;
  };
  /** The server refuses new connections from the start. */
  readonly draining?: boolean;
  /** The server lets clients in that show no token. */
  readonly anonymous?: boolean;
}

/** The client opens a connection. `protocol` is the subprotocol the server has to echo, if any. */
export interface ConnectStep {
  readonly connect: {
    readonly offers: readonly string[];
    readonly protocol?: string;
    /** Bearer token of the handshake. */
    readonly token?: string;
    /** Token in the cookie that the server reads. */
    readonly cookie?: string;
    /** The page's origin, as a browser sends it. */
    readonly origin?: string;
    /** Absent: the path the server listens on. */
    readonly path?: string;
  };
}

/** The server answers the handshake with an HTTP status instead of an upgrade. */
export interface RefusedStep {
  readonly refused: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    /** The `code` of the answer's JSON body. */
    readonly code: string;
  };
}

/** One frame. `bad` names the code that the receiver's decoder gives it; absent: it is a good one. */
export interface FrameStep {
  readonly from: Side;
  readonly frame: Readonly<Record<string, unknown>>;
  readonly bad?: string;
  /** The server's; it never reaches the client, because the link breaks. */
  readonly isLost?: boolean;
}

/** Something of the client that is no frame: raw text, or a binary message in base64. Always bad. */
export interface RawStep {
  readonly from: 'client';
  readonly text?: string;
  readonly binary?: string;
  readonly bad: string;
}

/** Frames of the server whose order among each other is not promised. */
export interface UnorderedStep {
  readonly unordered: readonly FrameStep[];
}

/** The connection ends. By `network`: both sides see 1006, nobody said goodbye. */
export interface CloseStep {
  readonly close: {
    readonly code: number;
    readonly by: Side | 'network';
    readonly reason?: string;
  };
}

/** What the application learns of a question to the client: its answer, or the code of an error. */
export type Outcome = { readonly payload?: unknown } | { readonly code: string };

/** The server's application does something by itself, or another client does something. */
export interface ApplicationStep {
  readonly application:
    | { readonly do: 'release'; readonly handler: string }
    | {
        readonly do: 'publish';
        readonly room: string;
        readonly event: string;
        readonly payload?: unknown;
        /** Not for the dialogue's connection. */
        readonly exceptClient?: boolean;
      }
    | {
        readonly do: 'send-to-user';
        readonly user: string;
        readonly event: string;
        readonly payload?: unknown;
      }
    | { readonly do: 'disconnect'; readonly user: string }
    | { readonly do: 'leave'; readonly room: string }
    /** The user loses the right to be in a room. */
    | { readonly do: 'forbid'; readonly user: string; readonly room: string }
    /** Every token of the user that was issued until now is worth nothing any more. */
    | { readonly do: 'revoke'; readonly user: string }
    /** Asks the dialogue's connection. The answer is for `learn`. */
    | { readonly do: 'ask'; readonly event: string; readonly payload?: unknown }
    /** What has come of the question. */
    | { readonly do: 'learn'; readonly outcome: Outcome }
    /** Another client comes into a room, on a connection of its own. */
    | {
        readonly do: 'visit';
        readonly device: string;
        readonly token: string;
        readonly room: string;
        /** Absent: one of its own. */
        readonly clientKey?: string;
        /** Which of its connections it is. */
        readonly attempt?: number;
      }
    /** Such a client tells the room something about itself. */
    | {
        readonly do: 'tell';
        readonly device: string;
        readonly room: string;
        readonly info: unknown;
      }
    /** Its link breaks, or it says goodbye. */
    | { readonly do: 'lose' | 'depart'; readonly device: string }
    /** Clients are asked to go elsewhere; it goes on. */
    | { readonly do: 'rebalance' }
    | { readonly do: 'shutdown' };
}

/** Time passes on the server; how much each name stands for says the README. */
export interface ElapseStep {
  readonly elapse:
    'hello-timeout' | 'renewal-time' | 'grace' | 'presence-grace' | 'history-time' | 'answer-time';
}

/** One line of a dialogue. */
export type Step =
  | ConnectStep
  | RefusedStep
  | FrameStep
  | RawStep
  | UnorderedStep
  | CloseStep
  | ApplicationStep
  | ElapseStep;

/** One dialogue. */
export interface Vector {
  /** The file's name without `.json`. */
  readonly name: string;
  /** What happens, in one sentence; the heading in PROTOCOL.md. */
  readonly title: string;
  /** Its number in PROTOCOL.md. */
  readonly documented: number;
  /** Who can replay it. Absent: both sides. */
  readonly sides?: readonly Side[];
  readonly server: ServerSetup;
  readonly steps: readonly Step[];
}

/** Values that `$same:name` stands for, by name. One Map a replay. */
export type Bindings = Map<string, unknown>;

const VECTORS = fileURLToPath(new URL('../vectors', import.meta.url));

/** Every dialogue in the order of its number, or those that one side can replay. */
export function loadVectors(side?: Side): Vector[] {
  return readdirSync(VECTORS)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as Vector)
    .filter(({ sides }) => side === undefined || sides === undefined || sides.includes(side))
    .sort((a, b) => a.documented - b.documented);
}

const SAME = '$same:';

const MATCHERS: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ['$any-string', isText],
  ['$any-integer', isCount],
  ['$any', () => true],
  ['$optional-string', isText],
  ['$optional-any', () => true],
]);

/** What {@link fill} puts in a matcher's place. */
const SAMPLES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['$any-string', 'sample'],
  // Large, because it may be the limit of a frame's bytes.
  ['$any-integer', 1_048_576],
  ['$any', 'sample'],
]);

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOptional(expected: unknown): boolean {
  return typeof expected === 'string' && expected.startsWith('$optional-');
}

/**
 * Compares a value that came with an expected one. Exact: a field that is not expected is a
 * difference as well.
 *
 * @param bindings what `$same:name` stands for; a name that is not bound yet is bound by a match, and
 * only by a match of the whole value.
 * @returns `undefined` if they match, otherwise where and how they differ.
 */
export function match(actual: unknown, expected: unknown, bindings: Bindings): string | undefined {
  const trial = new Map(bindings);
  const difference = compare(actual, expected, trial, '$');
  if (difference === undefined) for (const [name, value] of trial) bindings.set(name, value);
  return difference;
}

function compare(
  actual: unknown,
  expected: unknown,
  bindings: Bindings,
  path: string,
): string | undefined {
  if (typeof expected === 'string' && expected.startsWith('$')) {
    return compareMatcher(actual, expected, bindings, path);
  }
  if (Array.isArray(expected)) return compareArrays(actual, expected, bindings, path);
  if (isObject(expected)) return compareObjects(actual, expected, bindings, path);
  return Object.is(actual, expected) ? undefined : differ(path, expected, actual);
}

function compareMatcher(
  actual: unknown,
  matcher: string,
  bindings: Bindings,
  path: string,
): string | undefined {
  if (!matcher.startsWith(SAME)) {
    const check = MATCHERS.get(matcher);
    if (check === undefined) throw new TypeError(`unknown matcher ${matcher} at ${path}`);
    return check(actual) ? undefined : differ(path, matcher, actual);
  }
  const name = matcher.slice(SAME.length);
  if (!bindings.has(name)) {
    if (!isText(actual) && !isCount(actual)) return differ(path, matcher, actual);
    bindings.set(name, actual);
    return undefined;
  }
  return Object.is(actual, bindings.get(name))
    ? undefined
    : differ(path, bindings.get(name), actual);
}

function compareArrays(
  actual: unknown,
  expected: readonly unknown[],
  bindings: Bindings,
  path: string,
): string | undefined {
  if (!Array.isArray(actual) || actual.length !== expected.length) {
    return differ(path, expected, actual);
  }
  for (const [index, item] of expected.entries()) {
    const difference = compare(actual[index], item, bindings, `${path}[${String(index)}]`);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function compareObjects(
  actual: unknown,
  expected: Record<string, unknown>,
  bindings: Bindings,
  path: string,
): string | undefined {
  if (!isObject(actual)) return differ(path, expected, actual);
  for (const key of Object.keys(actual)) {
    if (!Object.hasOwn(expected, key)) return `${path}.${key}: expected no such field`;
  }
  for (const [key, value] of Object.entries(expected)) {
    const place = `${path}.${key}`;
    if (!Object.hasOwn(actual, key)) {
      if (isOptional(value)) continue;
      return `${place}: expected ${JSON.stringify(value)}, got nothing`;
    }
    const difference = compare(actual[key], value, bindings, place);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function differ(path: string, expected: unknown, actual: unknown): string {
  const shown = actual === undefined ? 'undefined' : JSON.stringify(actual);
  return `${path}: expected ${JSON.stringify(expected)}, got ${shown}`;
}

/**
 * A value to send in the place of an expected one: matchers become values that match. Optional fields
 * are left out; a `$same:name` that is not bound yet is bound to its own name.
 */
export function fill(expected: unknown, bindings: Bindings): unknown {
  if (typeof expected === 'string' && expected.startsWith('$')) return sample(expected, bindings);
  if (Array.isArray(expected)) return expected.map((item: unknown) => fill(item, bindings));
  if (!isObject(expected)) return expected;
  return Object.fromEntries(
    Object.entries(expected)
      .filter(([, value]) => !isOptional(value))
      .map(([key, value]) => [key, fill(value, bindings)]),
  );
}

function sample(matcher: string, bindings: Bindings): unknown {
  if (matcher.startsWith(SAME)) {
    const name = matcher.slice(SAME.length);
    if (!bindings.has(name)) bindings.set(name, name);
    return bindings.get(name);
  }
  if (!SAMPLES.has(matcher)) throw new TypeError(`no sample for matcher ${matcher}`);
  return SAMPLES.get(matcher);
}
