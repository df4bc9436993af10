/** What ws does with bytes that are no WebSocket, and what our limits make of those that are too much. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { closeBytes, frameBytes, Opcode, type RawSocket } from '../support/raw-socket.js';
import { turns, until } from '../support/turns.js';
import { WireServer } from '../support/wire-server.js';

let server: WireServer;

beforeEach(async () => {
  server = await WireServer.start({
    limits: { frameBytes: 1_024, maxFragments: 8, maxBufferedChunks: 64 },
  });
});

afterEach(() => server.dispose());

/** A peer whose link the server has accepted. */
async function peer(): Promise<RawSocket> {
  const count = server.links.length;
  const raw = await server.connect();
  await until(() => server.links.length > count);
  return raw;
}

/** That the server closed this link, said so once, and serves others. */
async function expectClosed(raw: RawSocket, code: number): Promise<void> {
  const link = server.links.at(-1);
  await raw.ended;
  await until(() => link?.log.ends.length === 1);
  expect(raw.close?.code).toBe(code);
  const other = await peer();
  other.send('hello');
  await until(() => server.links.at(-1)?.log.messages.length === 1);
  expect(link?.log.count('closed')).toBe(1);
}

describe('bad frames', () => {
  it.each<[string, Buffer, number]>([
    ['a reserved bit', frameBytes('x', { rsv: 4 }), 1002],
    ['the other reserved bits', frameBytes('x', { rsv: 3 }), 1002],
    ['an unmasked frame', frameBytes('x', { masked: false }), 1002],
    ['an unknown opcode', frameBytes('x', { opcode: 0x3 }), 1002],
    ['an unknown control opcode', frameBytes('x', { opcode: 0xb }), 1002],
    ['a continuation of nothing', frameBytes('x', { opcode: Opcode.Continuation }), 1002],
    ['a fragmented ping', frameBytes('x', { opcode: Opcode.Ping, fin: false }), 1002],
    ['a ping of 126 bytes', frameBytes('x'.repeat(126), { opcode: Opcode.Ping }), 1002],
    ['the close code 1005', closeBytes(1005), 1002],
    ['the close code 999', closeBytes(999), 1002],
    ['a close of one byte', frameBytes('x', { opcode: Opcode.Close }), 1002],
    ['invalid UTF-8', frameBytes(Buffer.from([0xc3, 0x28])), 1007],
    ['half a code point', frameBytes(Buffer.from([0xf0, 0x9f, 0x98])), 1007],
    ['P-08 more than a frame may have', frameBytes('x'.repeat(1_025)), 1009],
    ['P-08 a claimed length of 2^63', frameBytes('x', { claimedLength: 2n ** 63n }), 1009],
    ['P-08 a claimed length of 2^53', frameBytes('x', { claimedLength: 2n ** 53n }), 1009],
  ])('P-11 close the link at %s, and nothing reaches the listener', async (_, bytes, code) => {
    const raw = await peer();
    const link = server.links.at(-1);
    raw.write(bytes);
    await expectClosed(raw, code);
    expect(link?.log.messages).toEqual([]);
  });

  it('P-08 count over the fragments of a message', async () => {
    const raw = await peer();
    raw.send('x'.repeat(600), { fin: false });
    raw.send('x'.repeat(600), { opcode: Opcode.Continuation });
    await expectClosed(raw, 1009);
  });

  it('P-09 close the link at more fragments than a message may have', async () => {
    const raw = await peer();
    raw.send('x', { fin: false });
    for (let n = 0; n < 20; n += 1) raw.send('x', { opcode: Opcode.Continuation, fin: false });
    await expectClosed(raw, 1008);
    expect(server.links[0]?.log.messages).toEqual([]);
  });

  it('P-09 close the link at more pieces of TCP than a frame may come in', async () => {
    const raw = await peer();
    const bytes = frameBytes('x'.repeat(1_000));
    for (let at = 0; at < bytes.length && raw.close === undefined; at += 1) {
      raw.write(bytes.subarray(at, at + 1));
      await turns(2);
    }
    await expectClosed(raw, 1008);
  });

  it('let a message through that comes in as many fragments as it may', async () => {
    const raw = await peer();
    raw.send('a', { fin: false });
    for (let n = 0; n < 6; n += 1) raw.send('b', { opcode: Opcode.Continuation, fin: false });
    raw.send('c', { opcode: Opcode.Continuation });
    await until(() => server.links[0]?.log.messages.length === 1);
    expect(server.links[0]?.log.messages).toEqual(['abbbbbbc']);
  });

  it('are answered to also when the link is a refused one', async () => {
    const raw = await server.connect({ protocols: 'chat', answersClose: false });
    raw.write(frameBytes('x', { rsv: 4 }));
    await raw.ended;
    expect(raw.close?.code).toBe(4406);
    expect((await peer()).status).toBe(101);
  });
});

describe('good frames', () => {
  it('P-12 bring ten thousand tiny messages of one write, in order', async () => {
    const raw = await peer();
    const texts = Array.from({ length: 10_000 }, (_, n) => String(n));
    raw.write(Buffer.concat(texts.map((text) => frameBytes(text))));
    await until(() => server.links[0]?.log.messages.length === texts.length);
    expect(server.links[0]?.log.messages).toEqual(texts);
  });

  it('are pongs to our pings, and pongs are answered to the peer’s', async () => {
    const raw = await peer();
    raw.send('mark', { opcode: Opcode.Ping });
    await until(() => raw.frames.some(({ opcode }) => opcode === Opcode.Pong));
    expect(raw.frames.at(-1)?.payload.toString()).toBe('mark');
  });

  it('C-14 carry a close reason that is cut on a code point', async () => {
    const raw = await peer();
    server.links[0]?.transport.close(4300, '😀'.repeat(100));
    await raw.ended;
    expect(raw.close).toEqual({ code: 4300, reason: '😀'.repeat(30) });
  });

  it('are not compressed, even where the peer offers it (P-10)', async () => {
    const raw = await server.connect({
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
    });
    expect(raw.status).toBe(101);
    expect(raw.headers.has('sec-websocket-extensions')).toBe(false);
  });
});
