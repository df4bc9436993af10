/**
 * Kills a node as a power failure would, with SIGKILL: `node kill.js [a|b|c] [address]`. Without a name the
 * one that answers next. The cluster starts it again.
 */
import type { Place } from './cluster.contract.js';

/** Questions until the proxy has led to every node: it gives each its turn. */
const MAX_QUESTIONS = 30;

const [, , ...words] = process.argv;
const name = words.find((word) => /^[abc]$/.test(word));
const address = words.find((word) => word.startsWith('http')) ?? 'http://localhost:3000';

async function find(): Promise<Place | undefined> {
  for (let count = 0; count < MAX_QUESTIONS; count += 1) {
    // A connection of its own for each question, else the answers may come from one node.
    const response = await fetch(new URL('/node', address), { headers: { connection: 'close' } });
    const place = (await response.json()) as Place;
    if (name === undefined || place.name === name) return place;
  }
  return undefined;
}

try {
  const place = await find();
  if (place === undefined) throw new Error(`node ${name ?? ''} does not answer`);
  process.kill(place.pid, 'SIGKILL');
  console.log(`Killed node ${place.name} (process ${String(place.pid)})`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
