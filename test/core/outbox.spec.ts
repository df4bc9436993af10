import { describe, expect, it } from '@jest/globals';

import { Outbox } from '../../lib/core/outbox.js';
import type { ConnectedFrame } from '../../lib/protocol/index.js';
import { MemoryLink } from '../support/memory-link.js';
import { turn } from '../support/turns.js';

const connected: ConnectedFrame = {
  type: 'connected',
  connectionId: 'c1',
  user: { id: 'ada' },
  heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
  limits: { frameBytes: 1_024, rooms: 100 },
};

function make(limitBytes = 1_000): { link: MemoryLink; outbox: Outbox; overflows: () => number } {
  const link = new MemoryLink();
  let overflows = 0;
  const outbox = new Outbox(link, limitBytes, () => {
    overflows += 1;
  });
  return { link, outbox, overflows: () => overflows };
}

function opened(limitBytes = 1_000): ReturnType<typeof make> {
  const made = make(limitBytes);
  made.outbox.open(connected);
  made.link.received.length = 0;
  return made;
}

describe('outbox', () => {
  it('holds back what is sent before it is open, so that connected is the first', () => {
    const { link, outbox } = make();
    outbox.send({ type: 'pong', id: '1' });
    outbox.sendEncoded(Buffer.from('{"n":2}'), 7);
    expect(link.received).toEqual([]);
    outbox.open(connected);
    expect(link.received.map((text) => (JSON.parse(text) as { type?: string }).type)).toEqual([
      'connected',
      'pong',
      undefined,
    ]);
  });

  it('overflows once when more is held back than the bound allows', () => {
    const { link, outbox, overflows } = make(100);
    outbox.sendEncoded('x'.repeat(60), 60);
    outbox.sendEncoded('x'.repeat(60), 60);
    outbox.sendEncoded('x'.repeat(60), 60);
    expect(overflows()).toBe(1);
    expect(link.received).toEqual([]);
  });

  it('lets a single larger frame pass when nothing waits, open or not', () => {
    const early = make(100);
    early.outbox.sendEncoded('x'.repeat(500), 500);
    expect(early.overflows()).toBe(0);
    const { link, outbox, overflows } = opened(100);
    outbox.sendEncoded('x'.repeat(500), 500);
    expect(overflows()).toBe(0);
    expect(link.received).toHaveLength(1);
  });

  it('overflows once when more waits for the peer than the bound allows', () => {
    const { link, outbox, overflows } = opened(100);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(60), 60);
    expect(overflows()).toBe(0);
    outbox.sendEncoded('y'.repeat(60), 60);
    outbox.sendEncoded('z', 1);
    expect(overflows()).toBe(1);
    link.startReading();
    expect(link.received).toEqual(['x'.repeat(60)]);
  });

  it('sends up to the bound, to the byte', () => {
    const { link, outbox, overflows } = opened(100);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(60), 60);
    outbox.sendEncoded('x'.repeat(40), 40);
    expect(overflows()).toBe(0);
    outbox.sendEncoded('x', 1);
    expect(overflows()).toBe(1);
  });

  it('is ready while half of its bound is free beside what waits and what is to come', () => {
    const { link, outbox } = opened(100);
    expect([outbox.ready(), outbox.ready(50), outbox.hasRoom(50)]).toEqual([
      undefined,
      undefined,
      true,
    ]);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(30), 30);
    expect([outbox.hasRoom(), outbox.hasRoom(20), outbox.hasRoom(21)]).toEqual([true, true, false]);
    expect(outbox.ready(20)).toBeUndefined();
    expect(outbox.ready(21)).toBeInstanceOf(Promise);
    outbox.sendEncoded('x'.repeat(20), 20);
    expect(outbox.ready()).toBeUndefined();
    outbox.sendEncoded('x', 1);
    expect(outbox.ready()).toBeInstanceOf(Promise);
  });

  it('is ready for anything when nothing waits, as it sends a single larger frame', () => {
    const { outbox, overflows } = opened(100);
    expect([outbox.ready(5_000), outbox.takes(5_000)]).toEqual([undefined, true]);
    outbox.sendEncoded('x'.repeat(5_000), 5_000);
    expect(overflows()).toBe(0);
  });

  it('sends a frame that can wait when there is room, and not before', async () => {
    const { link, outbox, overflows } = opened(100);
    link.attach({
      message: () => undefined,
      drained: () => {
        outbox.drained();
      },
      silent: () => undefined,
      stuck: () => undefined,
      closed: () => undefined,
    });
    link.stopReading();
    outbox.sendEncoded('x'.repeat(80), 80);
    let sent = 0;
    const pongs = ['1', '2', '3'].map((id) =>
      outbox.sendPatiently({ type: 'pong', id }).then(() => (sent += 1)),
    );
    const room = outbox.untilRoom(10).then(() => (sent += 1));
    await turn();
    expect([sent, overflows(), link.bufferedBytes]).toEqual([0, 0, 80]);
    link.startReading();
    await Promise.all([...pongs, room]);
    expect(link.received.slice(1)).toEqual(
      ['1', '2', '3'].map((id) => JSON.stringify({ type: 'pong', id })),
    );
  });

  it('asks again after each wait whether there is room', async () => {
    const { link, outbox } = opened(100);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(80), 80);
    let isThere = false;
    const room = outbox.untilRoom(10).then(() => (isThere = true));
    outbox.drained();
    await turn();
    expect(isThere).toBe(false);
    outbox.close();
    await room;
  });

  it('lets everyone go who waits when the peer has caught up', async () => {
    const { link, outbox } = opened(100);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(80), 80);
    const ready: string[] = [];
    for (const name of ['a', 'b']) void outbox.ready()?.then(() => ready.push(name));
    await turn();
    expect(ready).toEqual([]);
    outbox.drained();
    await turn();
    expect(ready).toEqual(['a', 'b']);
  });

  it('lets everyone go who waits when it closes, and sends nothing any more', async () => {
    const { link, outbox } = opened(100);
    link.stopReading();
    outbox.sendEncoded('x'.repeat(80), 80);
    const waiting = outbox.ready();
    outbox.close();
    await waiting;
    expect(outbox.ready()).toBeUndefined();
    link.startReading();
    link.received.length = 0;
    outbox.send({ type: 'pong' });
    outbox.sendEncoded('late', 4);
    expect(link.received).toEqual([]);
  });
});
