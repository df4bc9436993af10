/** The contract of `Transport` and its listener (lib/core/ports), to be run over every implementation. */
import { expect } from '@jest/globals';

import { MessageBundle, type Transport } from '../../lib/core/index.js';
import type { ListenerLog } from '../support/wire-server.js';
import { turns, until } from '../support/turns.js';
import { check, type Check } from './suite.js';

/** The peer at the other end of a link. */
export interface PeerEnd {
  /** Text messages it has read. */
  readonly texts: readonly string[];
  /** How the link ended for it; `undefined` while it lives. */
  readonly end: { readonly code: number; readonly reason: string } | undefined;
  say(message: string | Uint8Array): void;
  hangUp(code: number, reason: string): void;
  breakOff(): void;
  stopReading(): void;
  startReading(): void;
  /** Answers pings no longer. */
  fallSilent(): void;
}

/** A link with both of its ends. */
export interface TransportLink {
  readonly transport: Transport;
  readonly log: ListenerLog;
  readonly peer: PeerEnd;
}

/** Where links come from. */
export interface TransportWorld {
  /** Makes a link. The messages are those that the peer sends together with its handshake. */
  connect(withHandshake?: readonly string[]): Promise<TransportLink>;
  /** Moves the heartbeat's time on. Default interval and timeout apply. */
  advance(ms: number): void;
  dispose(): Promise<void> | void;
}

/** What one read of a socket may give, and some. */
const ONE_READ_BYTES = 131_072;

const CHUNK = 'x'.repeat(65_536);

/** Sends until what waits is as much as it may become before a slow consumer is closed. */
function fill(transport: Transport): number {
  let sent = 0;
  while (transport.bufferedBytes < 524_288 && sent < 4_000) {
    transport.send(CHUNK);
    sent += 1;
  }
  return sent;
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function bundleOf(text: string): MessageBundle {
  const bundle = new MessageBundle();
  bundle.add(bytesOf(text));
  return bundle;
}

export const transportChecks: readonly Check<TransportWorld>[] = [
  check('T1', 'brings everything in order and whole, text and bytes alike', async (world) => {
    const { transport, peer } = await world.connect();
    const texts = Array.from({ length: 200 }, (_, n) => `${String(n)} ü€😀 ${'y'.repeat(n * 10)}`);
    for (const [index, text] of texts.entries()) {
      transport.send(index % 2 === 0 ? text : Buffer.from(text));
    }
    await until(() => peer.texts.length >= texts.length);
    expect(peer.texts).toEqual(texts);
  }),

  check(
    'T1',
    'tells the listener text as a string, binary as bytes, with its size',
    async (world) => {
      const { log, peer } = await world.connect();
      peer.say('ü');
      peer.say(Uint8Array.from([1, 2, 3]));
      await until(() => log.messages.length === 2);
      expect(log.messages[0]).toBe('ü');
      expect([...(log.messages[1] as Uint8Array)]).toEqual([1, 2, 3]);
      expect(log.sizes).toEqual([2, 3]);
    },
  ),

  check(
    'T2',
    'sends nothing after close, terminate or the link’s end, and never throws',
    async (world) => {
      const closed = await world.connect();
      closed.transport.close(4000, 'done');
      closed.transport.send('late');
      const terminated = await world.connect();
      terminated.transport.terminate();
      terminated.transport.send('late');
      const gone = await world.connect();
      gone.peer.breakOff();
      await until(() => gone.log.ends.length === 1);
      gone.transport.send('late');
      gone.transport.close(4000, 'late');
      gone.transport.terminate();
      gone.transport.pause();
      gone.transport.resume();
      await until(() => closed.log.ends.length === 1 && terminated.log.ends.length === 1);
      for (const { peer } of [closed, terminated, gone]) expect(peer.texts).toEqual([]);
    },
  ),

  check('T3', 'lets the peer see everything sent before, then code and reason', async (world) => {
    const { transport, peer, log } = await world.connect();
    for (let n = 0; n < 50; n += 1) transport.send(String(n));
    transport.close(4100, 'reads too slowly');
    await until(() => log.ends.length === 1);
    expect(peer.texts).toHaveLength(50);
    expect(peer.end).toEqual({ code: 4100, reason: 'reads too slowly' });
  }),

  check('T3', 'keeps the first close of two', async (world) => {
    const { transport, peer, log } = await world.connect();
    transport.close(4100, 'first');
    transport.close(4200, 'second');
    await until(() => log.ends.length === 1);
    expect(peer.end).toEqual({ code: 4100, reason: 'first' });
  }),

  check('T3', 'closes a paused link as well', async (world) => {
    const { transport, peer, log } = await world.connect();
    transport.pause();
    transport.close(4000, 'done');
    await until(() => log.ends.length === 1, 2_000);
    expect(peer.end).toEqual({ code: 4000, reason: 'done' });
    // The peer's answer was read: a link that stays paused ends by being cut, much later.
    expect(log.ends).toEqual([{ code: 4000, reason: 'done' }]);
  }),

  check('T4', 'says closed exactly once, however the link ends', async (world) => {
    const ends: [string, (link: TransportLink) => void][] = [
      ['close', ({ transport }) => transport.close(4000, 'done')],
      ['terminate', ({ transport }) => transport.terminate()],
      ['hang up', ({ peer }) => peer.hangUp(1000, 'bye')],
      ['break off', ({ peer }) => peer.breakOff()],
      [
        'all at once',
        ({ transport, peer }) => {
          transport.close(4000, 'done');
          peer.hangUp(1000, 'bye');
          transport.terminate();
        },
      ],
    ];
    for (const [, end] of ends) {
      const link = await world.connect();
      end(link);
      await until(() => link.log.ends.length > 0);
      link.transport.terminate();
      await turns(5);
      expect(link.log.calls.filter((call) => call !== 'message')).toEqual(['closed']);
      expect(link.log.calls.at(-1)).toBe('closed');
    }
  }),

  check(
    'T4',
    'tells the code and reason of a goodbye, and 1006 when there was none',
    async (world) => {
      const polite = await world.connect();
      polite.peer.hangUp(1000, 'bye');
      const rude = await world.connect();
      rude.peer.breakOff();
      await until(() => polite.log.ends.length === 1 && rude.log.ends.length === 1);
      expect(polite.log.ends).toEqual([{ code: 1000, reason: 'bye' }]);
      expect(rude.log.ends[0]?.code).toBe(1006);
    },
  ),

  check(
    'T5',
    'stops after at most one read’s worth when paused, and loses nothing',
    async (world) => {
      const { transport, log, peer } = await world.connect();
      transport.pause();
      transport.pause();
      const messages = Array.from({ length: 1_000 }, (_, n) => String(n).padEnd(1_024, '.'));
      for (const message of messages) peer.say(message);
      await turns(50);
      const early = log.sizes.reduce((sum, size) => sum + size, 0);
      expect(early).toBeLessThanOrEqual(ONE_READ_BYTES);
      transport.resume();
      transport.resume();
      await until(() => log.messages.length >= messages.length);
      expect(log.messages).toEqual(messages);
    },
  ),

  check('T6', 'counts what the peer’s side has not taken', async (world) => {
    const { transport, peer } = await world.connect();
    expect(transport.bufferedBytes).toBe(0);
    peer.stopReading();
    const sent = fill(transport);
    const waiting = transport.bufferedBytes;
    expect(waiting).toBeGreaterThanOrEqual(524_288);
    expect(waiting).toBeLessThanOrEqual(sent * (CHUNK.length + 16));
    transport.send(CHUNK);
    expect(transport.bufferedBytes - waiting).toBeGreaterThanOrEqual(CHUNK.length);
    peer.startReading();
    await until(() => transport.bufferedBytes === 0);
  }),

  check('T7', 'says drained once everything was taken after writing had to wait', async (world) => {
    const { transport, log, peer } = await world.connect();
    peer.stopReading();
    fill(transport);
    await turns(5);
    expect(log.count('drained')).toBe(0);
    peer.startReading();
    await until(() => log.count('drained') > 0);
    expect(transport.bufferedBytes).toBe(0);
    expect(log.count('drained')).toBe(1);
  }),

  check('T7', 'says drained also when only a little had to wait', async (world) => {
    const { transport, log, peer } = await world.connect();
    peer.stopReading();
    // Small pieces, so that the last of them alone is what the operating system did not take.
    for (let sent = 0; transport.bufferedBytes < 2_000 && sent < 20_000; sent += 1) {
      transport.send('x'.repeat(1_000));
      await turns(1);
    }
    expect(transport.bufferedBytes).toBeLessThan(16_384);
    const told = log.count('drained');
    peer.startReading();
    await until(() => log.count('drained') > told);
    expect(transport.bufferedBytes).toBe(0);
  }),

  check('T7', 'says drained no more often than something began to wait', async (world) => {
    const { transport, log, peer } = await world.connect();
    let waits = 0;
    for (let n = 0; n < 20; n += 1) {
      const waited = transport.bufferedBytes > 0;
      transport.send(String(n));
      if (!waited && transport.bufferedBytes > 0) waits += 1;
    }
    await until(() => peer.texts.length === 20);
    expect(transport.bufferedBytes).toBe(0);
    expect(log.count('drained')).toBe(waits);
  }),

  check('T8', 'says silent when nothing came for the timeout, and not before', async (world) => {
    const { log, peer } = await world.connect();
    peer.fallSilent();
    world.advance(44_000);
    expect(log.count('silent')).toBe(0);
    world.advance(5_000);
    expect(log.count('silent')).toBe(1);
  }),

  check('T8', 'takes an answer to a ping for life', async (world) => {
    const { log } = await world.connect();
    for (let minute = 0; minute < 12; minute += 1) {
      world.advance(10_000);
      await turns(20);
    }
    expect(log.count('silent')).toBe(0);
  }),

  check('T8', 'does not count the time in which the link was paused', async (world) => {
    const { transport, log, peer } = await world.connect();
    peer.fallSilent();
    transport.pause();
    world.advance(300_000);
    expect(log.count('silent')).toBe(0);
    transport.resume();
    world.advance(44_000);
    expect(log.count('silent')).toBe(0);
    world.advance(5_000);
    expect(log.count('silent')).toBe(1);
  }),

  check('T11', 'says stuck when the oldest byte has waited for the bound’s time', async (world) => {
    const { transport, log, peer } = await world.connect();
    peer.stopReading();
    fill(transport);
    await turns(5);
    // It lives, and says so: it only reads nothing.
    for (let tens = 0; tens < 5; tens += 1) {
      world.advance(10_000);
      const heard = log.count('message');
      peer.say('alive');
      await until(() => log.count('message') > heard);
    }
    expect([log.count('stuck'), log.count('silent')]).toEqual([0, 0]);
    world.advance(13_000);
    expect(log.count('stuck')).toBeGreaterThan(0);
  }),

  check('T11', 'says nothing of a peer that takes what waits in time', async (world) => {
    const { transport, log, peer } = await world.connect();
    for (let round = 0; round < 4; round += 1) {
      peer.stopReading();
      fill(transport);
      await turns(5);
      world.advance(20_000);
      peer.startReading();
      await until(() => transport.bufferedBytes === 0);
      peer.say('alive');
      await until(() => log.count('message') === round + 1);
    }
    expect(log.count('stuck')).toBe(0);
  }),

  check(
    'T11',
    'counts from the oldest byte that waits, not from the first that ever did',
    async (world) => {
      const { transport, log, peer } = await world.connect();
      const alive = async (): Promise<void> => {
        const heard = log.count('message');
        peer.say('alive');
        await until(() => log.count('message') > heard);
      };
      peer.stopReading();
      fill(transport);
      await turns(5);
      world.advance(30_000);
      await alive();
      const behind = transport.bufferedBytes;
      transport.send('behind');
      await turns(2);
      // What waited for 30 seconds is taken; what came behind it waits on.
      peer.startReading();
      await until(() => transport.bufferedBytes < behind);
      peer.stopReading();
      await turns(2);
      world.advance(29_000);
      await alive();
      world.advance(2_500);
      expect(log.count('stuck')).toBe(0);
    },
  ),

  check(
    'T9',
    'brings what came together with the handshake, once and first (C-06)',
    async (world) => {
      const { log, peer } = await world.connect(['first', 'second']);
      peer.say('third');
      await until(() => log.messages.length >= 3);
      await turns(5);
      expect(log.messages).toEqual(['first', 'second', 'third']);
    },
  ),

  check(
    'T10',
    'sends what a bundle gets until something is sent behind it, each in its place',
    async (world) => {
      const { transport, peer } = await world.connect();
      const bundle = bundleOf('one');
      transport.send('before');
      const taken = transport.take(bundle);
      bundle.add(bytesOf('two'));
      transport.send('behind');
      // Added now it would stand before what was sent earlier.
      expect(bundle.add(bytesOf('late'))).toBe(!taken);
      const expected = taken ? ['before', 'one', 'two', 'behind'] : ['before', 'behind'];
      await until(() => peer.texts.length >= expected.length);
      await turns(3);
      expect(peer.texts).toEqual(expected);
    },
  ),

  check('T10', 'takes one bundle for many links, and many for one', async (world) => {
    const [first, second] = [await world.connect(), await world.connect()];
    const [one, two] = [bundleOf('one'), bundleOf('two')];
    const texts = [first, second].map(({ transport }, index) => {
      const order = index === 0 ? [one, two] : [two, one];
      return order.filter((bundle) => transport.take(bundle));
    });
    // Both are closed: each has something behind it on one of the links.
    expect([one, two].map((bundle) => bundle.add(bytesOf('late')))).toEqual(
      texts[0]?.length === 0 ? [true, true] : [false, false],
    );
    const [here, there] =
      texts[0]?.length === 0
        ? [[], []]
        : [
            ['one', 'two'],
            ['two', 'one'],
          ];
    await until(() => second.peer.texts.length >= there.length);
    await until(() => first.peer.texts.length >= here.length);
    expect([first.peer.texts, second.peer.texts]).toEqual([here, there]);
  }),

  check('T10', 'lets the peer see what a bundle held before a close', async (world) => {
    const { transport, peer, log } = await world.connect();
    const taken = transport.take(bundleOf('one'));
    transport.close(4000, 'done');
    await until(() => log.ends.length === 1);
    expect(peer.texts).toEqual(taken ? ['one'] : []);
  }),

  check('T10', 'takes none where it sends nothing any more', async (world) => {
    const closed = await world.connect();
    closed.transport.close(4000, 'done');
    const terminated = await world.connect();
    terminated.transport.terminate();
    expect([closed, terminated].map(({ transport }) => transport.take(bundleOf('x')))).toEqual([
      false,
      false,
    ]);
  }),

  check('T10', 'takes none while its peer is behind', async (world) => {
    const { transport, peer } = await world.connect();
    peer.stopReading();
    fill(transport);
    await turns(2);
    expect(transport.take(bundleOf('x'))).toBe(false);
  }),

  check('T6, T7', 'counts what a bundle holds, and says when it is taken', async (world) => {
    const { transport, log } = await world.connect();
    const bundle = bundleOf('x'.repeat(1_000));
    const taken = transport.take(bundle);
    bundle.add(bytesOf('y'.repeat(1_000)));
    expect(transport.bufferedBytes >= 2_000).toBe(taken);
    await until(() => !taken || log.count('drained') > 0);
    expect(transport.bufferedBytes).toBe(0);
    expect(log.count('drained')).toBe(taken ? 1 : 0);
  }),
];
