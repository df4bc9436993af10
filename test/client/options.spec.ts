import { describe, expect, it } from '@jest/globals';

import {
  checkOptions,
  openOutbox,
  RealtimeClient,
  shareTabs,
  stream,
  type RealtimeClientOptions,
} from '../../lib/client/index.js';
import { connectedWorld, outcome, World } from './support/world.js';

/** What an application without types may give. */
type Anything = Record<string, unknown>;

const invalid = (message: string) => expect.objectContaining({ code: 'invalid-option', message });

const check = (options: Anything): RealtimeClientOptions => checkOptions(options);

const KEY = '0123456789abcdef0123456789abcdef';
const policy = 'buffer.whenFull: expected a function, got ';
const identity = "identity: expected an outbox's, got ";

describe("a client's options, checked", () => {
  it.each<[Anything, string]>([
    [{ buffer: { whenFull: 'drop-oldest' } }, `${policy}string`],
    [{ buffer: { whenFull: true } }, `${policy}boolean`],
    [{ buffer: { maxCalls: -1 } }, 'buffer.maxCalls: expected a number from 0, got -1'],
    [{ buffer: { maxCalls: '5' } }, 'buffer.maxCalls: expected a number from 0, got string'],
    [{ buffer: { maxBytes: NaN } }, 'buffer.maxBytes: expected a number from 0, got NaN'],
    [{ buffer: 100 }, 'buffer: expected an object, got 100'],
    [{ buffer: null }, 'buffer: expected an object, got null'],
    [{ reconnect: false }, 'reconnect: expected an object, got boolean'],
    [{ reconnect: { minDelayMs: 0 } }, 'reconnect.minDelayMs: expected a number from 1, got 0'],
    [
      { reconnect: { minDelayMs: 50, maxDelayMs: 10 } },
      'reconnect.maxDelayMs: expected a number from 50, got 10',
    ],
    [
      { reconnect: { stableAfterMs: -1 } },
      'reconnect.stableAfterMs: expected a number from 0, got -1',
    ],
    [
      { reconnect: { maxAttempts: '10' } },
      'reconnect.maxAttempts: expected a number from 0, got string',
    ],
    [
      { reconnect: { maxDelayMs: 100 } },
      'reconnect.maxDelayMs: expected a number from 1000, got 100',
    ],
    [
      { reconnect: { maxAttempts: null } },
      'reconnect.maxAttempts: expected a number from 0, got null',
    ],
    [{ buffer: { maxCalls: null } }, 'buffer.maxCalls: expected a number from 0, got null'],
    [{ requestTimeoutMs: null }, 'requestTimeoutMs: expected a number from 1, got null'],
    [{ autoConnect: null }, 'autoConnect: expected true or false, got null'],
    [{ requestTimeoutMs: 0 }, 'requestTimeoutMs: expected a number from 1, got 0'],
    [{ requestTimeoutMs: 5n }, 'requestTimeoutMs: expected a number from 1, got bigint'],
    [{ connectTimeoutMs: NaN }, 'connectTimeoutMs: expected a number from 1, got NaN'],
    [{ connectTimeoutMs: {} }, 'connectTimeoutMs: expected a number from 1, got object'],
    [{ token: { jwt: 'a' } }, 'token: expected a string or a function, got object'],
    [{ token: 7 }, 'token: expected a string or a function, got 7'],
    [{ WebSocket: 'ws' }, 'WebSocket: expected a constructor, got string'],
    [{ WebSocket: false }, 'WebSocket: expected a constructor, got boolean'],
    [{ autoConnect: 'no' }, 'autoConnect: expected true or false, got string'],
    [{ json: 'JSON' }, 'json: expected an object, got string'],
    [
      { json: { parse: JSON.parse } },
      'json: expected an object with the functions parse and stringify, got object',
    ],
    [{ identity: KEY }, 'identity: expected an object, got string'],
    [{ identity: { clientKey: KEY, attempt: 0 } }, `${identity}object`],
    [{ identity: { clientKey: 7, attempt: 0, lastId: 0 } }, `${identity}object`],
  ])('are refused: %p', (options, message) => {
    expect(() => check(options)).toThrow(invalid(message));
  });

  it('never have their value in the error, unless it is a number: it may be a secret', () => {
    const token = Object.assign(Object.create(null) as object, { jwt: 'secret' });
    expect(() => check({ token })).toThrow(/got object$/);
  });

  it.each<Anything>([
    {},
    { token: null },
    { token: '' },
    { token: () => undefined },
    { buffer: { whenFull: undefined, maxCalls: 0, maxBytes: 0 } },
    { buffer: { whenFull: () => undefined } },
    { WebSocket: undefined, autoConnect: false },
    { reconnect: { minDelayMs: 60_000, maxAttempts: Infinity } },
    { requestTimeoutMs: Infinity },
    { json: JSON },
    { identity: { clientKey: KEY, attempt: 3, lastId: 9 } },
  ])('are taken as they are: %p', (options) => {
    expect(check(options)).toBe(options);
    expect(new World({ autoConnect: false, ...options }).client.state).toBe('idle');
  });

  it('end the client at once where neither they nor the runtime have a WebSocket', async () => {
    const world = new World({}, { WebSocket: undefined });
    const error = await outcome(world.client.connect());
    expect(error).toMatchObject({ code: 'no-websocket' });
    expect(world.client.state).toBe('closed');
  });

  it('may be a URL object, too', () => {
    const url = new URL('wss://example.test');
    expect(new RealtimeClient(url, { autoConnect: false }).state).toBe('idle');
  });
});

describe('the options of a call', () => {
  it.each([[0], [-1], [NaN], ['soon']])(
    'are refused with a time limit of %p, and nothing is sent',
    async (timeoutMs) => {
      const world = await connectedWorld();
      const options = { timeoutMs } as { timeoutMs: number };
      const error = await outcome(world.client.request('a', undefined, options));
      expect(error).toEqual(invalid('timeoutMs: expected a number from 1'));
      expect(world.socket.frames('request')).toEqual([]);
    },
  );

  it.each([
    [0, '0'],
    ['5', 'string'],
  ])('are refused with a credit of %p', (credit, kind) => {
    const { client } = new World({ autoConnect: false });
    expect(() => stream(client, 'a', undefined, { credit } as { credit: number })).toThrow(
      invalid(`credit: expected a number from 1, got ${kind}`),
    );
  });
});

describe('the options of what is imported apart', () => {
  const nameless = (kind: string) =>
    invalid(`name: expected a string that is not empty, got ${kind}`);

  it.each([
    [undefined, 'undefined'],
    ['', 'string'],
    [7, '7'],
  ])('are refused without a name, which keeps users apart: %p', async (given, kind) => {
    const name = given as string;
    expect(() => shareTabs({ name })).toThrow(nameless(kind));
    expect(await outcome(openOutbox({ name }))).toEqual(nameless(kind));
  });

  it('are refused with numbers that make no sense', async () => {
    const maxEntries = 'many' as unknown as number;
    const error = await outcome(openOutbox({ name: 'ada', maxEntries }));
    expect(error).toEqual(invalid('maxEntries: expected a number from 1, got string'));
  });
});
