import calculateSlot from 'cluster-key-slot';

/** The slot of a key or sharded channel, from 0 to 16 383, as the Redis Cluster specification has it. */
export function keySlot(key: string): number {
  return calculateSlot(key);
}
