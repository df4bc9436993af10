import type { Cluster, Redis } from 'ioredis';

import type { Clock, Random } from '../core/index.js';
import { keySlot } from './key-slot.js';
import { RedisCalls } from './redis-calls.js';
import { isCluster } from './redis-commands.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { RedisPublisher } from './redis-publisher.js';
import { RedisScript } from './redis-script.js';
import { addressOf } from './redis-source.js';

const RIGHTS = RedisScript.load('rights');

/** Oldest version that scripts and streams behave in as they are used here. */
const OLDEST = '6.2';

/** First version with sharded channels. */
const SHARDED = '7.0';

/** Names that are tried until each master has one: enough for a master with six slots of the 16 384. */
const MOST_NAMES = 20_000;

/** What the probe needs. */
export interface StartUpProbeSetup {
  readonly link: RedisLink;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds each question may take. */
  readonly timeoutMs: number;
}

/** A server that is asked: the only one, or a master of a cluster. */
interface Asked {
  readonly connection: Redis;
  /** Names keys that this server has; `undefined` if none was found. */
  readonly name: string | undefined;
  /** What a line names it by; `undefined` for the only one. */
  readonly address: string | undefined;
}

/**
 * Looks at what Redis is like, and at what this user may do there. Users, versions and settings are each
 * server's own: so every master of a cluster is asked.
 *
 * @returns what is missing, a sentence each; nothing if all is well. One that is not true of all masters
 * begins with the addresses of those that it is true of.
 */
export async function probeAtStart(setup: StartUpProbeSetup): Promise<string[]> {
  const asked = serversOf(setup);
  const found = new Map<string, (string | undefined)[]>();
  const answers = await Promise.all(asked.map((server) => probeServer(setup, server)));
  for (const [index, sentences] of answers.entries()) {
    for (const sentence of sentences) {
      const addresses = found.get(sentence) ?? [];
      found.set(sentence, [...addresses, asked[index]?.address]);
    }
  }
  return Array.from(found, ([sentence, addresses]) =>
    addresses.length === asked.length ? sentence : `${addresses.join(', ')}: ${sentence}`,
  );
}

function serversOf({ link: { commands }, keys }: StartUpProbeSetup): Asked[] {
  if (!isCluster(commands)) return [{ connection: commands, name: 'probe', address: undefined }];
  const masters = commands.nodes('master');
  const names = namesOn(commands, keys, new Set(masters.map(addressOf)));
  return masters.map((connection) => {
    const address = addressOf(connection);
    return { connection, address, name: names.get(address) };
  });
}

/** By a master's address: a name whose keys are there. Which those are, only trying tells. */
function namesOn(
  { slots }: Cluster,
  keys: RedisKeys,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let n = 0; n < MOST_NAMES && found.size < wanted.size; n += 1) {
    const name = `probe-${String(n)}`;
    const [address = ''] = slots[keySlot(keys.control(name).meta)] ?? [];
    if (wanted.has(address) && !found.has(address)) found.set(address, name);
  }
  return found;
}

async function probeServer(setup: StartUpProbeSetup, server: Asked): Promise<string[]> {
  const { clock, link, timeoutMs } = setup;
  const calls = new RedisCalls({ commands: server.connection, clock, timeoutMs, caller: 'probe' });
  try {
    const info = parseInfo(await calls.wait(server.connection.info()));
    const found = complaints(link, info);
    return server.name === undefined
      ? found
      : [...found, ...(await missingRights(setup, calls, server.name))];
  } catch (error) {
    const reason = reasonOf(error);
    // A master of a cluster may also be away.
    return reason.startsWith('NOPERM')
      ? [`the user of this connection has to be allowed INFO: ${reason}`]
      : [`INFO is not answered: ${reason}`];
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

async function missingRights(
  setup: StartUpProbeSetup,
  calls: RedisCalls,
  name: string,
): Promise<string[]> {
  const names = await missingCommands(setup, calls, name);
  if (names.length === 0) return refusals(setup, name);
  return [`the user of this connection has to be allowed ${names.join(', ')}`];
}

/** Commands that this user may not use; none where Redis does not say. */
async function missingCommands(
  { keys, link }: StartUpProbeSetup,
  calls: RedisCalls,
  name: string,
): Promise<string[]> {
  const { meta, channel } = keys.control(name);
  const verbs =
    link.publishVerb === 'SPUBLISH'
      ? ['SSUBSCRIBE', 'SUNSUBSCRIBE', 'SPUBLISH']
      : ['SUBSCRIBE', 'UNSUBSCRIBE', 'PUBLISH'];
  try {
    const names = (await calls.script(RIGHTS, [meta], [channel, ...verbs])) as string[];
    return names.map((verb) => (verbs.includes(verb) ? `${verb} to ${keys.prefix}:*` : verb));
  } catch {
    // It may not even ask this way: why not is what it is told when it publishes.
    return [];
  }
}

/** Does what publishing does, in a place of its own. */
async function refusals(setup: StartUpProbeSetup, name: string): Promise<string[]> {
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
    await publisher.publish(keys.control(name), publication, { history, operation });
    return [];
  } catch (error) {
    return [`publishing is refused: ${reasonOf(error)}`];
  } finally {
    publisher.close();
  }
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

/** What Redis, or the connection to it, says. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const reason = cause ?? error;
  return reason instanceof Error ? reason.message : String(reason);
}
