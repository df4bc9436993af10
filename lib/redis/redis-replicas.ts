import type { Redis } from 'ioredis';

import { keySlot } from './key-slot.js';
import { isCluster, type RedisCommands } from './redis-commands.js';
import { unavailable, unknownOutcome } from './redis-errors.js';
import { addressOf } from './redis-source.js';

/** How many have to have a write, and for how long they may take. */
export interface ReplicasWanted {
  readonly replicas: number;
  /** Milliseconds. */
  readonly timeoutMs: number;
  /** A key of the slot that is written to. */
  readonly key: string;
  /** Whether anybody still waits for it. */
  readonly isWanted: () => boolean;
}

/**
 * Writes, and waits until so many replicas have it. `WAIT` speaks of what its own connection has
 * written: so the write goes over one server's connection, and is made again if that connection ended
 * in between. That changes nothing, but on a master that was promoted without the first one: so it is not
 * made again for somebody who has been told already that nobody knows.
 *
 * @param write has to write something each time, and to take effect once.
 * @returns what the write gave.
 * @throws RealtimeError `timeout` if fewer replicas have it: it may be lost with the master.
 */
export async function whenReplicated(
  commands: RedisCommands,
  { replicas, timeoutMs, key, isWanted }: ReplicasWanted,
  write: (client: Redis) => Promise<unknown>,
): Promise<unknown> {
  const client = masterOf(commands, key);
  let ends = 0;
  const ended = (): void => {
    ends += 1;
  };
  client.on('close', ended);
  try {
    let reply: unknown;
    let reached = 0;
    let endsBefore: number;
    do {
      endsBefore = ends;
      reply = await write(client);
      reached = await client.wait(replicas, timeoutMs);
    } while (ends > endsBefore && isWanted());
    if (reached >= replicas && ends === endsBefore) return reply;
    const shortfall = `expected ${String(replicas)} replicas to have it, got ${String(reached)}`;
    throw unknownOutcome(shortfall);
  } finally {
    client.off('close', ended);
  }
}

/** The connection to the server that a key is written to. */
function masterOf(commands: RedisCommands, key: string): Redis {
  if (!isCluster(commands)) return commands;
  const [address] = commands.slots[keySlot(key)] ?? [];
  const master = commands.nodes('master').find((node) => addressOf(node) === address);
  if (master === undefined) throw unavailable('expected a master for the slot of a room');
  return master;
}
