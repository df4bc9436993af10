import type { Clock, Random } from '../core/index.js';
import { RedisCalls } from './redis-calls.js';
import { isCluster, type RedisCommands } from './redis-commands.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { RedisPublisher } from './redis-publisher.js';
import { RedisScript } from './redis-script.js';

const RIGHTS = RedisScript.load('rights');

/** Oldest version that scripts and streams behave in as they are used here. */
const OLDEST = '6.2';

/** First version with sharded channels. */
const SHARDED = '7.0';

/** What the probe needs. */
export interface StartUpProbeSetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds each question may take. */
  readonly timeoutMs: number;
}

/**
 * Looks at what Redis is like, and at what this user may do there.
 *
 * @returns what is missing, a sentence each; nothing if all is well.
 */
export async function probeAtStart(setup: StartUpProbeSetup): Promise<string[]> {
  const { link } = setup;
  try {
    const info = parseInfo(await infoOf(link.commands));
    return [...complaints(link, info), ...(await missingRights(setup))];
  } catch (error) {
    return [`the user of this connection has to be allowed INFO: ${textOf(error)}`];
  }
}

function complaints(link: RedisLink, info: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const version = info.get('redis_version') ?? '';
  if (isOlder(version, OLDEST)) found.push(`version ${version} is older than ${OLDEST}`);
  if (link.publishVerb === 'SPUBLISH' && isOlder(version, SHARDED)) {
    found.push(`version ${version} has no sharded channels: set realtime.redis.sharded to false`);
  }
  const policy = info.get('maxmemory_policy');
  if (info.get('maxmemory') !== '0' && policy !== undefined && policy !== 'noeviction') {
    found.push(
      `maxmemory-policy is ${policy}: rooms whose keys are evicted begin anew, and clients are told of a loss; noeviction is recommended`,
    );
  }
  if (info.get('cluster_enabled') === '1' && !isCluster(link.commands)) {
    found.push('the server is part of a cluster: use realtime.redis.cluster');
  }
  return found;
}

async function missingRights(setup: StartUpProbeSetup): Promise<string[]> {
  const names = await missingCommands(setup);
  if (names.length === 0) return refusals(setup);
  return [`the user of this connection has to be allowed ${names.join(', ')}`];
}

/** Commands that this user may not use; none where Redis does not say. */
async function missingCommands(setup: StartUpProbeSetup): Promise<string[]> {
  const { clock, keys, link, timeoutMs } = setup;
  const calls = new RedisCalls({ commands: link.commands, clock, timeoutMs, caller: 'probe' });
  const { meta, channel } = keys.control('probe');
  const verbs =
    link.publishVerb === 'SPUBLISH'
      ? ['SSUBSCRIBE', 'SUNSUBSCRIBE', 'SPUBLISH']
      : ['SUBSCRIBE', 'UNSUBSCRIBE', 'PUBLISH'];
  try {
    const names = (await calls.script(RIGHTS, [meta], [channel, ...verbs])) as string[];
    return names.map((name) => (verbs.includes(name) ? `${name} to ${keys.prefix}:*` : name));
  } catch {
    // It may not even ask this way: why not is what it is told when it publishes.
    return [];
  }
}

/** Does what publishing does, in a place of its own. */
async function refusals(setup: StartUpProbeSetup): Promise<string[]> {
  const { clock, keys, link, random, timeoutMs } = setup;
  const publisher = new RedisPublisher({
    ...{ link, keys, clock, random, timeoutMs },
    node: random.id(),
    metaTtlMs: 1_000,
    operations: { windowMs: 1_000, perClient: 1 },
    maxQueuedBytes: 4_096,
    replicas: 0,
  });
  const publication = { id: random.id(), event: 'probe', timestamp: clock.now() };
  const history = { size: 1, ttlMs: 1_000, bytes: 4_096 };
  const operation = { client: 'probe', id: random.id() };
  try {
    await publisher.publish(keys.control('probe'), publication, { history, operation });
    return [];
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    return [`publishing is refused: ${textOf(cause ?? error)}`];
  } finally {
    publisher.close();
  }
}

function infoOf(commands: RedisCommands): Promise<string> {
  // Any master will do: a cluster's are alike.
  const [master] = isCluster(commands) ? commands.nodes('master') : [commands];
  return (master ?? commands).info();
}

function parseInfo(text: string): Map<string, string> {
  const pairs = text.matchAll(/^(\w+):(.*?)\r?$/gm);
  return new Map(Array.from(pairs, ([, name = '', value = '']) => [name, value]));
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = than.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
