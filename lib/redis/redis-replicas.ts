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
}

/**
 * Writes, and waits until so many replicas have it. `WAIT` speaks of what its own connection has
 * written: so the write goes over one server's connection, and is made again, which changes nothing,
 * if that connection ended in between.
 *
 * @param write has to write something each time, and to take effect once.
 * @returns what the write gave.
 * @throws RealtimeError `timeout` if fewer replicas have it: it may be lost with the master.
 */
export async function whenReplicated(
  commands: RedisCommands,
  { replicas, timeoutMs, key }: ReplicasWanted,
  write: (client: Redis) => Promise<unknown>,
): Promise<unknown> {
  const client = masterOf(commands, key);
  let hasEnded = true;
  const ended = (): void => {
    hasEnded = true;
  };
  client.on('close', ended);
  try {
    let reply: unknown;
    let reached = 0;
    while (hasEnded) {
      hasEnded = false;
      reply = await write(client);
      reached = await client.wait(replicas, timeoutMs);
    }
    if (reached >= replicas) return reply;
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
