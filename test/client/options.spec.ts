import { describe, expect, it } from '@jest/globals';

import { openOutbox, RealtimeClient, shareTabs, stream } from '../../lib/client/index.js';
import { connectedWorld, outcome, World } from './support/world.js';

/** What an application without types may give. */
type Anything = Record<string, unknown>;

const invalid = (message: string) => expect.objectContaining({ code: 'invalid-option', message });

/** Makes a client that is not connected. */
const make = (options: Anything): World => new World({ autoConnect: false, ...options });

const KEY = '0123456789abcdef0123456789abcdef';
const words = 'buffer.whenFull: expected one of refuse, drop-oldest, drop-newest, got ';
const identity = "identity: expected an outbox's, got ";

describe("a client's options", () => {
  it.each<[Anything, string]>([
    [{ buffer: { whenFull: 'drop-all' } }, `${words}string`],
    [{ buffer: { whenFull: 'toString' } }, `${words}string`],
    [{ buffer: { whenFull: true } }, `${words}boolean`],
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
    [{ requestTimeoutMs: 0 }, 'requestTimeoutMs: expected a number from 1, got 0'],
    [{ requestTimeoutMs: 5n }, 'requestTimeoutMs: expected a number from 1, got bigint'],
    [{ connectTimeoutMs: NaN }, 'connectTimeoutMs: expected a number from 1, got NaN'],
    [{ connectTimeoutMs: {} }, 'connectTimeoutMs: expected a number from 1, got object'],
    [{ token: { jwt: 'a' } }, 'token: expected a string or a function, got object'],
    [{ token: 7 }, 'token: expected a string or a function, got 7'],
    [{ WebSocket: 'ws' }, 'WebSocket: expected a constructor, got string'],
    [{ WebSocket: false }, 'WebSocket: expected a constructor, got boolean'],
    [{ autoConnect: 'no' }, 'autoConnect: expected true or false, got string'],
    [{ identity: KEY }, `${identity}string`],
    [{ identity: { clientKey: KEY, attempt: 0 } }, `${identity}object`],
    [{ identity: { clientKey: 7, attempt: 0, lastId: 0 } }, `${identity}object`],
  ])('are refused: %p', (options, message) => {
    expect(() => make(options)).toThrow(invalid(message));
  });

  it.each([undefined, null, 7])('are refused with the URL %p', (url) => {
    expect(() => new RealtimeClient(url as unknown as string, { autoConnect: false })).toThrow(
      invalid(`url: expected a string or a URL, got ${url === 7 ? '7' : String(url)}`),
    );
  });

  it('ask for a WebSocket where the runtime has none', () => {
    const environment = { WebSocket: undefined };
    expect(() => new RealtimeClient('wss://x', { environment })).toThrow(
      invalid('WebSocket: expected a constructor, got undefined'),
    );
  });

  it('never have their value in the error, unless it is a number: it may be a secret', () => {
    const token = Object.assign(Object.create(null) as object, { jwt: 'secret' });
    expect(() => make({ token })).toThrow(/got object$/);
  });

  it.each<Anything>([
    {},
    { token: null },
    { token: '' },
    { token: () => undefined },
    { buffer: { whenFull: undefined, maxCalls: 0, maxBytes: 0 } },
    { buffer: { whenFull: 'drop-newest' } },
    { reconnect: { minDelayMs: 60_000, maxAttempts: Infinity } },
    { requestTimeoutMs: Infinity },
    { identity: { clientKey: KEY, attempt: 3, lastId: 9 } },
  ])('are taken: %p', (options) => {
    expect(make(options).client.state).toBe('idle');
  });

  it('may be a URL object, too', () => {
    const url = new URL('wss://example.test');
    expect(new RealtimeClient(url, { autoConnect: false }).state).toBe('idle');
  });
});

describe('the options of a call', () => {
  it.each([
    [0, '0'],
    [-1, '-1'],
    [NaN, 'NaN'],
    ['5', 'string'],
  ])('are refused with a time limit of %p, and nothing is sent', async (timeoutMs, kind) => {
    const world = await connectedWorld();
    const options = { timeoutMs } as { timeoutMs: number };
    const error = await outcome(world.client.request('a', undefined, options));
    expect(error).toEqual(invalid(`timeoutMs: expected a number from 1, got ${kind}`));
    expect(world.socket.frames('request')).toEqual([]);
  });

  it.each([
    [0, '0'],
    ['5', 'string'],
  ])('are refused with a credit of %p', (credit, kind) => {
    const { client } = make({});
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
