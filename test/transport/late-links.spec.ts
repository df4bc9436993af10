import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { MessageBundle, type Transport } from '../../lib/core/index.js';
import { turn, until } from '../support/turns.js';
import type { RawSocket } from '../support/raw-socket.js';
import { WireServer } from '../support/wire-server.js';

const LINKS = 40;
/** Of a message: so many bytes to so many links are a few turns' work. */
const LARGE_BYTES = 50_000;

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A message that begins with its name. */
const large = (name: string): Uint8Array => bytesOf(`${name} ${'x'.repeat(LARGE_BYTES)}`);

const nameOf = (payload: Buffer): string => payload.toString('utf8', 0, 20).split(' ', 1)[0] ?? '';

describe('links with a lot to write in one turn', () => {
  let server: WireServer;
  let peers: RawSocket[];
  let transports: readonly Transport[];

  beforeEach(async () => {
    server = await WireServer.start();
    peers = [];
    for (let index = 0; index < LINKS; index += 1) {
      peers.push(await server.connect());
      await until(() => server.links.length > index);
    }
    transports = server.links.map(({ transport }) => transport);
  });

  afterEach(() => server.dispose());

  const namesOf = (peer: RawSocket): string[] => peer.frames.map(({ payload }) => nameOf(payload));

  async function arrived(expected: readonly string[]): Promise<void> {
    await until(() => peers.every(({ frames }) => frames.length >= expected.length));
    for (const peer of peers) expect(namesOf(peer)).toEqual(expected);
  }

  function sendAll(message: Uint8Array): void {
    for (const transport of transports) transport.send(message);
  }

  function bundleAll(name: string): MessageBundle {
    const bundle = new MessageBundle();
    bundle.add(bytesOf(name));
    for (const transport of transports) {
      if (!transport.take(bundle)) transport.send(bytesOf(name));
    }
    return bundle;
  }

  it('get everything in order, whatever is sent while some of them wait for the next turns', async () => {
    const step = fc.constantFrom('large', 'small', 'bundle', 'turn');
    let sequence = 0;
    const expected: string[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        for (const kind of steps) {
          if (kind === 'turn') {
            await turn();
            continue;
          }
          sequence += 1;
          const name = String(sequence);
          expected.push(name);
          if (kind === 'bundle') bundleAll(name);
          else sendAll(kind === 'large' ? large(name) : bytesOf(name));
        }
        await arrived(expected);
      }),
      { numRuns: 15 },
    );
    for (const { log } of server.links) expect(log.count('closed')).toBe(0);
  });

  it('are not counted as behind while they wait for their turn (T6)', async () => {
    sendAll(large('first'));
    expect(transports.at(-1)?.bufferedBytes).toBeGreaterThan(LARGE_BYTES);
    await turn();
    // Whoever has its turn later has not read too slowly.
    expect(transports.at(-1)?.bufferedBytes).toBe(0);
    transports.at(-1)?.send(bytesOf('second'));
    expect(transports.at(-1)?.bufferedBytes).toBe(8);
    await until(() => peers.at(-1)?.frames.length === 2);
    expect(server.links.at(-1)?.log.count('drained')).toBe(1);
  });

  it('see what was put off before the close', async () => {
    sendAll(large('first'));
    await turn();
    for (const transport of transports) transport.close(4300, 'bye');
    await Promise.all(peers.map(({ ended }) => ended));
    for (const peer of peers) {
      expect(nameOf(peer.frames[0]?.payload ?? Buffer.alloc(0))).toBe('first');
      expect(peer.close).toEqual({ code: 4300, reason: 'bye' });
    }
  });
});
