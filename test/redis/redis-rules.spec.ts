/** What is said of options that name no Redis, or more than one. */
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { RealtimeModule, RealtimeOptionsError } from '../../lib/index.js';
import { createApp } from '../support/nest-app.js';

/** The lines that the module says of these options; none if it takes them. */
async function problemsOf(redis: object): Promise<readonly string[]> {
  const realtime = RealtimeModule.forRoot({ redis });
  try {
    // Refused before anything connects.
    await createApp({ realtime });
  } catch (error) {
    if (error instanceof RealtimeOptionsError) return error.problems;
    throw error;
  }
  return [];
}

const PLACE = 'realtime.redis: expected exactly one of url, options, cluster and client, got';
const URLS =
  'realtime.redis.url: expected a URL such as "redis://host:6379" or "rediss://host:6380"';
const CLUSTER =
  'realtime.redis.cluster: expected an object with nodes, at least one, and options of ioredis without keyPrefix';
const PREFIX = 'realtime.redis.prefix: expected a non-empty string without braces and spaces';

describe('the option redis', () => {
  it.each<[string, object, string]>([
    ['no place', {}, `${PLACE} 0`],
    ['a URL that is not set', { url: undefined }, `${PLACE} 0: url is undefined`],
    [
      'a URL and a client that are not set',
      { url: undefined, client: undefined },
      `${PLACE} 0: url and client are undefined`,
    ],
    ['two places', { url: 'redis://h', options: {} }, `${PLACE} 2`],
    ['a URL of something else', { url: 'http://user:secret@host' }, URLS],
    ['what is no URL', { url: 'user:secret@host' }, URLS],
    ['a cluster without nodes', { cluster: { nodes: [] } }, `${CLUSTER}, got an object`],
    ['a cluster that is a list', { cluster: [{ host: 'h' }] }, `${CLUSTER}, got an array`],
    [
      'a cluster with a prefix of ioredis',
      { cluster: { nodes: [{}], options: { keyPrefix: 'x:' } } },
      `${CLUSTER}, got an object`,
    ],
    [
      'options with a prefix of ioredis',
      { options: { keyPrefix: 'x:' } },
      'realtime.redis.options: expected options of ioredis without keyPrefix (use the option prefix), got an object',
    ],
    [
      'a client that is none',
      { client: {} },
      'realtime.redis.client: expected a Redis or Cluster of ioredis without keyPrefix (use the option prefix), got an object',
    ],
    ['a prefix that steers slots', { url: 'redis://h', prefix: 'a{b}' }, `${PREFIX}, got "a{b}"`],
    ['an empty prefix', { url: 'redis://h', prefix: '' }, `${PREFIX}, got ""`],
    [
      'a time of nothing',
      { url: 'redis://h', timeoutMs: 0 },
      'realtime.redis.timeoutMs: expected an integer >= 1, got 0',
    ],
    ['a URL that is a number', { url: 6379 }, 'realtime.redis.url: expected a string, got 6379'],
  ])('is refused with %s, in one line without a password', async (_, redis, problem) => {
    expect(await problemsOf(redis)).toEqual([problem]);
  });

  it('is refused with a client that has a prefix of its own', async () => {
    const client = new Redis({ lazyConnect: true, keyPrefix: 'x:' });
    const [problem] = await problemsOf({ client });
    expect(problem).toMatch(/^realtime\.redis\.client: .*without keyPrefix/);
  });
});
