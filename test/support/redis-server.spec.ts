/** That a test gets its server also where somebody takes the port before it does. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { startRedis, stopAll, type RedisServer } from './redis-server.js';

let servers: RedisServer[];

beforeEach(async () => {
  servers = [await startRedis()];
});

afterEach(() => stopAll(servers));

describe('a server whose port is taken', () => {
  it.each([
    ['', ['--port']],
    [', that of the cluster,', ['--cluster-enabled', 'yes', '--cluster-port']],
  ])('%s starts on another one', async (_, settings) => {
    const taken = String(servers[0]?.port);
    let attempts = 0;
    const server = await startRedis(async () => {
      attempts += 1;
      return attempts === 1 ? [...settings, taken] : [];
    });
    servers.push(server);
    expect(attempts).toBe(2);
    const client = server.client();
    expect(await client.ping()).toBe('PONG');
  });

  it('does not start again where it ends for another reason', async () => {
    let attempts = 0;
    const started = startRedis(async () => {
      attempts += 1;
      return ['--no-such-setting', '1'];
    });
    await expect(started).rejects.toThrow('redis-server ended');
    expect(attempts).toBe(1);
  });
});
