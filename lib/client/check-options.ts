import { expectOption, atLeast } from './option-checks.js';
import type { RealtimeClientOptions } from './options.js';

/** Options that belong together come as an object. */
function expectObject(path: string, value: unknown): void {
  expectOption(path, value, 'an object', Object(value) === value);
}

function checkReconnect(reconnect: NonNullable<RealtimeClientOptions['reconnect']>): void {
  expectObject('reconnect', reconnect);
  const { minDelayMs = 1_000, maxDelayMs = minDelayMs } = reconnect;
  const { stableAfterMs = 0, maxAttempts = 0 } = reconnect;
  atLeast(1, 'reconnect.minDelayMs', minDelayMs);
  atLeast(minDelayMs, 'reconnect.maxDelayMs', maxDelayMs);
  atLeast(0, 'reconnect.stableAfterMs', stableAfterMs);
  atLeast(0, 'reconnect.maxAttempts', maxAttempts);
}

function checkBuffer(buffer: NonNullable<RealtimeClientOptions['buffer']>): void {
  expectObject('buffer', buffer);
  const { maxCalls = 0, maxBytes = 0, whenFull } = buffer;
  atLeast(0, 'buffer.maxCalls', maxCalls);
  atLeast(0, 'buffer.maxBytes', maxBytes);
  const isPolicy = whenFull === undefined || typeof whenFull === 'function';
  expectOption('buffer.whenFull', whenFull, 'a function', isPolicy);
}

/** Both directions, or what was sent could not be read. */
function checkJson(json: NonNullable<RealtimeClientOptions['json']>): void {
  expectObject('json', json);
  const passes = [json.parse, json.stringify].every((member) => typeof member === 'function');
  expectOption('json', json, 'an object with the functions parse and stringify', passes);
}

/** The identity, if an outbox may have made it. */
function checkIdentity(identity: NonNullable<RealtimeClientOptions['identity']>): void {
  expectObject('identity', identity);
  const { clientKey, attempt, lastId } = identity;
  const passes = typeof clientKey === 'string' && isNumber(attempt) && isNumber(lastId);
  expectOption('identity', identity, "an outbox's", passes);
}

const isNumber = (value: unknown): boolean => typeof value === 'number';

/**
 * Checks kinds and ranges of a client's options, and returns them, so that a mistake shows when the
 * client is made and not when the connection breaks for the first time. The client itself takes
 * what it is given.
 *
 * ```ts
 * const client = new RealtimeClient(url, checkOptions(options));
 * ```
 *
 * A function of its own, so that pages whose options the compiler has seen do not carry it.
 *
 * @throws RealtimeClientError with code `invalid-option`. The message names the option, its rule and the
 * kind of the value, never the value, unless that is a number: it may be a secret.
 */
export function checkOptions(options: RealtimeClientOptions): RealtimeClientOptions {
  const { token, WebSocket, reconnect = {}, buffer = {}, autoConnect = true, identity } = options;
  const { requestTimeoutMs = 1, connectTimeoutMs = 1, json } = options;
  // Storage gives null for a token that is not there.
  const isToken = ['string', 'function'].includes(typeof (token ?? ''));
  expectOption('token', token, 'a string or a function', isToken);
  const isConstructor = WebSocket === undefined || typeof WebSocket === 'function';
  expectOption('WebSocket', WebSocket, 'a constructor', isConstructor);
  expectOption('autoConnect', autoConnect, 'true or false', typeof autoConnect === 'boolean');
  atLeast(1, 'requestTimeoutMs', requestTimeoutMs);
  atLeast(1, 'connectTimeoutMs', connectTimeoutMs);
  checkReconnect(reconnect);
  checkBuffer(buffer);
  if (json !== undefined) checkJson(json);
  if (identity !== undefined) checkIdentity(identity);
  return options;
}
