/** Section B of the catalogue: frames that are none, and frames that want too much. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { decodeClientFrame, ProtocolError } from '../../lib/protocol/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import { Door } from '../support/security-app.js';
import { closeFrame, frame, handshake, OFFER, Opcode, RawPeer } from '../support/security-raw.js';

let door: Door;
let peers: RawPeer[] = [];

beforeAll(async () => {
  door = await Door.open({
    // As many frames as the tests send at once: what is behind the rate limit is tested here.
    options: { limits: { attemptBurst: 100_000, frameBytes: 65_536, messageBurst: 20_000 } },
  });
});

afterAll(async () => {
  await door.close();
});

afterEach(async () => {
  for (const peer of peers) peer.socket.destroy();
  peers = [];
  await door.gateway.left(0);
  expect(await door.serves()).toBe(true);
  expect(door.logs.errors.splice(0)).toEqual([]);
  door.gateway.reached.length = 0;
});

async function open(): Promise<RawPeer> {
  const peer = await RawPeer.open(door.port);
  peers.push(peer);
  return peer;
}

async function stranger(): Promise<RawPeer> {
  const peer = await RawPeer.upgrade(door.port);
  peers.push(peer);
  return peer;
}

/** Shows that a connection still works. */
async function isAnswered(peer: RawPeer): Promise<boolean> {
  peer.send({ type: 'request', id: 'alive', event: 'echo', payload: 1 });
  for (;;) {
    const answer = await peer.nextJson();
    if (answer['id'] === 'alive') return answer['type'] === 'response';
  }
}

const NO_FRAMES: [string, string | Buffer][] = [
  ['nothing', ''],
  ['no JSON', 'hello'],
  ['null', 'null'],
  ['an array', '[]'],
  ['a number', '7'],
  ['a text', '"hello"'],
  ['a byte order mark in front', '\ufeff{"type":"ping"}'],
  ['a NUL behind', '{"type":"ping"}\u0000'],
  ['a NUL in a key', '{"ty\u0000pe":"ping"}'],
  ['two objects', '{"type":"ping"}{"type":"ping"}'],
  ['an object cut off', '{"type":"ping"'],
  ['an object without type', '{"id":"1"}'],
  ['a lone surrogate as an escape in the type', '{"type":7,"id":"\\ud800"}'],
];

describe('what is no frame', () => {
  it.each(NO_FRAMES)('P-01 answers %s with bad-frame and closes with 4400', async (_, text) => {
    const peer = await open();
    peer.write(frame(text));

    expect(await peer.nextJson()).toMatchObject({ type: 'error', code: 'bad-frame' });
    expect((await peer.closed()).code).toBe(4400);
  });

  it.each(NO_FRAMES)('P-01 closes a stranger with 4400 who sends %s', async (_, text) => {
    const peer = await stranger();
    peer.write(frame(text));

    expect((await peer.closed()).code).toBe(4400);
  });

  it('P-01 takes a lone surrogate in a payload, which is JSON, and gives it back', async () => {
    const peer = await open();
    peer.write(frame('{"type":"request","id":"1","event":"echo","payload":"\\ud800"}'));

    expect(await peer.nextJson()).toEqual({ type: 'response', id: '1', payload: '\ud800' });
  });

  it('P-02 closes with 4400 on a binary message, whatever is in it', async () => {
    for (const content of ['{"type":"ping"}', '', '\u0000\u0001']) {
      const peer = await open();
      peer.write(frame(content, { opcode: Opcode.binary }));
      expect(await peer.nextJson()).toMatchObject({ type: 'error', code: 'bad-frame' });
      expect((await peer.closed()).code).toBe(4400);
    }
  });

  it('P-03 refuses 60 KB of brackets before anything is made of them', async () => {
    const bomb = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    for (const type of ['request","event":"echo', 'publish","room":"open/a","event":"note']) {
      const peer = await open();
      peer.write(frame(`{"type":"${type}","id":"1","payload":${bomb}}`));
      expect(await peer.nextJson()).toMatchObject({ type: 'error', code: 'bad-frame' });
      expect((await peer.closed()).code).toBe(4400);
    }
    expect(door.gateway.reached).toEqual([]);
  });

  it('P-03 passes a published payload on as the text it came in', async () => {
    const peer = await open();
    peer.send({ type: 'subscribe', id: '1', room: 'open/spliced' });
    await peer.nextJson('subscribed');
    const payload = `{ "a" : 1.0, "b":"\\u0041", "deep":${'['.repeat(30)}${']'.repeat(30)} }`;
    peer.write(
      frame(`{"type":"publish","room":"open/spliced","event":"note","payload":${payload}}`),
    );

    const { payload: received } = await peer.nextFrame();
    expect(received.toString('utf8')).toContain(`"payload":${payload}`);
  });
});

const DANGEROUS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
];

describe('names that mean something to JavaScript', () => {
  it.each(DANGEROUS)('P-04 treats %s as an ordinary name everywhere', async (name) => {
    const peer = await RawPeer.open(door.port, `token-${name}`);
    peers.push(peer);
    peer.send({ type: 'request', id: name, event: 'whoami' });
    expect(await peer.nextJson()).toMatchObject({
      type: 'response',
      id: name,
      payload: { id: name },
    });

    peer.send({ type: 'request', id: '1', event: name });
    expect(await peer.nextJson()).toMatchObject({ id: '1', code: 'unknown-event' });
    peer.send({ type: name, id: '2' });
    expect(await peer.nextJson()).toMatchObject({ id: '2', code: 'unknown-type' });
    peer.send({ type: 'subscribe', id: '3', room: name });
    expect(await peer.nextJson()).toMatchObject({ id: '3', code: 'unknown-room' });
    peer.send({ type: 'subscribe', id: '4', room: `open/${name}` });
    expect(await peer.nextJson()).toMatchObject({ type: 'subscribed', id: '4' });
    peer.send({ type: 'publish', id: '5', room: `open/${name}`, event: name, payload: 1 });
    expect(await peer.nextJson()).toMatchObject({ id: '5', code: 'unknown-event' });
    const field = JSON.stringify({ [name]: 1 }).slice(1, -1);
    peer.write(
      frame(`{${field},"type":"request","id":"6","event":"echo","payload":{"__proto__":{"x":1}}}`),
    );
    await peer.nextJson('response');

    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    expect(door.node.hub.ofUser(name).size).toBe(1);
  });

  it('P-05 reads 64 KB of integer-like keys within 5 ms', async () => {
    const count = 4_500;
    // Multiples of a large power of two: the same low bits, what an unpatched hash collides on.
    const keys = Array.from({ length: count }, (_, index) => `"${String(index * 65_536)}":0`);
    const text = `{"type":"request","id":"1","event":"echo","payload":{${keys.join(',')}}}`;
    expect(text.length).toBeGreaterThan(55_000);
    const times = Array.from({ length: 15 }, () => {
      const start = performance.now();
      expect(decodeClientFrame(text)).not.toBeInstanceOf(ProtocolError);
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(5);

    const peer = await open();
    peer.write(frame(text));
    expect(await peer.nextJson()).toMatchObject({ type: 'response', id: '1' });
  });
});

describe('frames with wrong fields', () => {
  it.each([
    ['an unknown type', { type: 'teleport', id: '1' }, 'unknown-type'],
    ['a type of the other direction', { type: 'connected', id: '1' }, 'unknown-type'],
    ['a request without id', { type: 'request', event: 'echo' }, 'invalid-field'],
    ['a request without event', { type: 'request', id: '1' }, 'invalid-field'],
    ['an id that is a number', { type: 'request', id: 1, event: 'echo' }, 'invalid-field'],
    ['an id that is empty', { type: 'request', id: '', event: 'echo' }, 'invalid-field'],
    ['an id of 65', { type: 'request', id: 'x'.repeat(65), event: 'echo' }, 'invalid-field'],
    ['an event that is null', { type: 'request', id: '1', event: null }, 'invalid-field'],
    ['an event of 129', { type: 'request', id: '1', event: 'x'.repeat(129) }, 'invalid-field'],
    ['a room that is an array', { type: 'subscribe', id: '1', room: ['open/a'] }, 'invalid-field'],
    ['a subscribe without room', { type: 'subscribe', id: '1' }, 'invalid-field'],
    [
      'an epoch that is a number',
      { type: 'subscribe', id: '1', room: 'open/a', epoch: 1 },
      'invalid-field',
    ],
    [
      'an offset that is a text',
      { type: 'subscribe', id: '1', room: 'open/a', offset: '1' },
      'invalid-field',
    ],
    ['an unsubscribe without id', { type: 'unsubscribe', room: 'open/a' }, 'invalid-field'],
    ['a publish without event', { type: 'publish', id: '1', room: 'open/a' }, 'invalid-field'],
    ['a cancel without id', { type: 'cancel' }, 'invalid-field'],
    ['an authenticate without token', { type: 'authenticate', id: '1' }, 'invalid-field'],
    [
      'a token of 8,193',
      { type: 'authenticate', id: '1', token: 'x'.repeat(8_193) },
      'invalid-field',
    ],
    ['a ping whose id is an object', { type: 'ping', id: {} }, 'invalid-field'],
  ])('P-06 answers %s with a coded error and goes on', async (_, wrong, code) => {
    const peer = await open();
    peer.send(wrong);

    expect(await peer.nextJson()).toMatchObject({ type: 'error', code });
    expect(await isAnswered(peer)).toBe(true);
  });

  it('P-06 ignores fields it does not know, in every frame', async () => {
    const extra = { extra: { of: ['any', 'kind'] }, room2: 7, payload2: null };
    const peer = await stranger();
    peer.send({
      type: 'hello',
      token: 'token-ada',
      ...extra,
      rooms: [{ room: 'open/a', ...extra }],
    });
    expect(await peer.nextJson()).toMatchObject({ type: 'connected' });
    expect(await peer.nextJson()).toMatchObject({ type: 'subscribed', room: 'open/a' });
    for (const [sent, expected] of [
      [
        { type: 'ping', id: '1' },
        { type: 'pong', id: '1' },
      ],
      [
        { type: 'request', id: '2', event: 'echo', payload: 2 },
        { type: 'response', id: '2' },
      ],
      [
        { type: 'subscribe', id: '3', room: 'open/b' },
        { type: 'subscribed', id: '3' },
      ],
      [
        { type: 'unsubscribe', id: '4', room: 'open/b' },
        { type: 'unsubscribed', id: '4' },
      ],
      [
        { type: 'authenticate', id: '5', token: 'token-ada' },
        { type: 'authenticated', id: '5' },
      ],
    ]) {
      peer.send({ ...sent, ...extra });
      expect(await peer.nextJson()).toMatchObject(expected ?? {});
    }
  });

  it('P-07 closes on a second hello', async () => {
    const peer = await open();
    peer.send({ type: 'hello', token: 'token-ada' });

    expect((await peer.closed()).code).toBe(4400);
  });

  it.each(['ping', 'request', 'subscribe', 'publish', 'authenticate', 'cancel', 'unsubscribe'])(
    'P-07 closes on a %s before hello, and handles nothing of it',
    async (type) => {
      const peer = await stranger();
      const fields = { id: '1', event: 'echo', room: 'open/a', token: 'token-ada' };
      peer.send({ type, ...fields });
      peer.send({ type: 'hello', token: 'token-ada' });

      expect((await peer.closed()).code).toBe(4400);
      expect(door.gateway.reached).toEqual([]);
    },
  );

  it('P-07 does nothing with a hello behind a close', async () => {
    const peer = await stranger();
    peer.write(Buffer.concat([closeFrame(1000), frame('{"type":"hello","token":"token-ada"}')]));

    expect((await peer.closed()).code).toBe(1000);
    await peer.ended;
    expect(door.node.hub.ofUser('ada').size).toBe(0);
  });
});

describe('sizes', () => {
  it('P-08 closes with 1009 on a frame over the limit, in one part or in many', async () => {
    const tooLong = await open();
    tooLong.write(frame('x'.repeat(65_537)));
    expect((await tooLong.closed()).code).toBe(1009);

    const inParts = await open();
    inParts.write(frame('x'.repeat(40_000), { fin: false }));
    inParts.write(frame('x'.repeat(40_000), { opcode: Opcode.continuation }));
    expect((await inParts.closed()).code).toBe(1009);
  });

  it.each([2n ** 63n, 2n ** 63n - 1n, 2n ** 53n, 2n ** 32n, 65_537n])(
    'P-08 believes no frame that claims %d bytes',
    async (claimedLength) => {
      const before = process.memoryUsage().arrayBuffers;
      const peer = await open();
      peer.write(frame('x', { claimedLength }));

      expect((await peer.closed()).code).toBe(1009);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576);
    },
  );

  it('P-09 cuts a message that is dripped in fragments of one byte', async () => {
    const peer = await open();
    peer.write(frame('x', { fin: false }));
    const drop = frame('x', { fin: false, opcode: Opcode.continuation });
    peer.write(Buffer.concat(Array.from({ length: 15_000 }, () => drop)));

    expect([1008, 1006]).toContain((await peer.closed()).code);
  });

  it('P-09 cuts a message that is dripped in fragments without any byte', async () => {
    const peer = await open();
    peer.write(frame('', { fin: false }));
    for (let sent = 0; sent < 64; sent += 1)
      peer.write(frame('', { fin: false, opcode: Opcode.continuation }));

    expect((await peer.closed()).code).toBe(1008);
  });

  it('P-09 cuts a frame that is dripped in segments of one byte', async () => {
    const peer = await open();
    peer.write(frame('', { claimedLength: 60_000n }));
    let sent = 0;
    for (; sent < 5_000 && !peer.isEnded; sent += 1) {
      peer.write('x');
      await new Promise(setImmediate);
    }
    expect((await peer.closed()).code).not.toBe(1000);
    expect(sent).toBeLessThan(5_000);
  });

  it('P-10 agrees to no compression, and inflates nothing that comes compressed', async () => {
    const peer = await RawPeer.connect(door.port);
    peers.push(peer);
    peer.write(handshake([OFFER, 'Sec-WebSocket-Extensions: permessage-deflate']));
    const { status, headers } = await peer.answer();
    expect(status).toBe(101);
    expect(headers.has('sec-websocket-extensions')).toBe(false);

    const before = process.memoryUsage().arrayBuffers;
    peer.write(frame(Buffer.alloc(60_000, 1), { rsv: 4 }));
    expect((await peer.closed()).code).toBe(1002);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_048_576);
  });
});

describe('frames that break the WebSocket protocol', () => {
  it.each([
    ['RSV1', frame('x', { rsv: 4 }), 1002],
    ['RSV2', frame('x', { rsv: 2 }), 1002],
    ['RSV3', frame('x', { rsv: 1 }), 1002],
    ['an opcode of data that is reserved', frame('x', { opcode: 3 }), 1002],
    ['an opcode of control that is reserved', frame('x', { opcode: 11 }), 1002],
    ['no mask', frame('{"type":"ping"}', { masked: false }), 1002],
    ['a continuation of nothing', frame('x', { opcode: Opcode.continuation }), 1002],
    [
      'a text inside a fragmented text',
      Buffer.concat([frame('x', { fin: false }), frame('y')]),
      1002,
    ],
    ['a fragmented ping', frame('x', { opcode: Opcode.ping, fin: false }), 1002],
    ['a ping of 126 bytes', frame('x'.repeat(126), { opcode: Opcode.ping }), 1002],
    ['a close of one byte', frame('x', { opcode: Opcode.close }), 1002],
    ['the close code 1005', closeFrame(1005), 1002],
    ['the close code 1006', closeFrame(1006), 1002],
    ['the close code 999', closeFrame(999), 1002],
    ['the close code 5000', closeFrame(5_000), 1002],
    [
      'a close reason that is not UTF-8',
      Buffer.concat([frame(Buffer.from([3, 232, 0xc3, 0x28]), { opcode: Opcode.close })]),
      1007,
    ],
    ['a text that is not UTF-8', frame(Buffer.from([0xc3, 0x28])), 1007],
    ['a text with an encoded surrogate', frame(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ])('P-11 closes on %s before a handler sees anything', async (_, bytes, code) => {
    const peer = await open();
    peer.write(bytes);
    peer.send({ type: 'request', id: '1', event: 'echo' });

    expect((await peer.closed()).code).toBe(code);
    await peer.ended;
    expect(door.gateway.reached).toEqual([]);
  });
});

describe('many frames at once', () => {
  it('P-12 handles 10,000 requests of one segment in order, and others in between', async () => {
    const peer = await open();
    const witness = await door.connect('token-witness');
    const count = 10_000;
    const bytes = Array.from({ length: count }, (_, index) =>
      frame(`{"type":"request","id":"${String(index)}","event":"echo","payload":${String(index)}}`),
    );
    let answered = 0;
    peer.write(Buffer.concat(bytes));
    const all = (async () => {
      for (; answered < count; answered += 1)
        expect(await peer.nextJson()).toEqual({
          type: 'response',
          id: String(answered),
          payload: answered,
        });
    })();

    const answer = await witness.request('1', 'echo', 'me too');

    expect(answer).toMatchObject({ type: 'response' });
    expect(answered).toBeLessThan(count);
    await all;
    await witness.close();
  });

  it('P-12 answers 10,000 pings of one segment without deepening the stack', async () => {
    const peer = await open();
    peer.write(Buffer.concat(Array.from({ length: 10_000 }, () => frame('{"type":"ping"}'))));
    for (let answered = 0; answered < 10_000; answered += 1)
      expect((await peer.nextJson())['type']).toBe('pong');
  });

  it.each([
    'error',
    'newListener',
    'removeListener',
    'disconnect',
    'connection',
    'close',
    'message',
  ])('P-13 takes the event %s for an ordinary name without a handler', async (event) => {
    const peer = await open();
    peer.send({ type: 'request', id: '1', event, payload: { message: 'boom' } });
    expect(await peer.nextJson()).toMatchObject({ id: '1', code: 'unknown-event' });
    peer.send({ type: 'subscribe', id: '2', room: 'open/emitter' });
    await peer.nextJson('subscribed');
    await door.rooms.publish('open/emitter', event, 1);
    expect(await peer.nextJson()).toMatchObject({ type: 'message', event });
    expect(await isAnswered(peer)).toBe(true);
  });
});

describe('positions that cannot be', () => {
  it.each([
    ['beyond the top', '4'],
    ['negative', '-1'],
    ['a fraction', '1.5'],
    ['2^53 + 1', '9007199254740993'],
    ['too large for a number', '1e999'],
    ['minus zero below zero', '-0.1'],
  ])('P-15 recovers nothing for an offset that is %s', async (_, offset) => {
    const { epoch } = await publishThree();
    const peer = await open();
    peer.write(
      frame(
        `{"type":"subscribe","id":"1","room":"open/log","epoch":"${epoch}","offset":${offset}}`,
      ),
    );

    expect(await peer.nextJson()).toMatchObject({ type: 'subscribed', recovered: false });
    expect(await isAnswered(peer)).toBe(true);
  });

  it('P-15 recovers nothing for another epoch, or an offset without epoch', async () => {
    await publishThree();
    for (const claim of [{ epoch: 'other', offset: 1 }, { offset: 1 }, { epoch: '__proto__' }]) {
      const peer = await open();
      peer.send({ type: 'subscribe', id: '1', room: 'open/log', ...claim });
      expect(await peer.nextJson()).toMatchObject({ type: 'subscribed', recovered: false });
      expect(await isAnswered(peer)).toBe(true);
    }
  });

  async function publishThree(): Promise<{ epoch: string }> {
    // Somebody stays, so that the room keeps its epoch.
    const keeper: RawClient = await door.connect('token-keeper');
    keeper.send({ type: 'subscribe', id: '1', room: 'open/log' });
    const { epoch, offset } = await keeper.next('subscribed');
    for (let left = 3 - offset; left > 0; left -= 1)
      await door.rooms.publish('open/log', 'note', left);
    await keeper.close();
    return { epoch };
  }
});

const TRICKS = [
  'a\r\nX-Injected: yes',
  '\u001b[2J\u001b[31mred',
  'abc\u202edcba',
  'x\u0000y',
  'a\u2028b',
];

describe('names that end up elsewhere', () => {
  it.each(TRICKS)('P-17 writes nothing of the peer into the log as it came (%j)', async (trick) => {
    const peer = await open();
    const logged = door.logs.nextError();
    peer.send({ type: 'request', id: trick, event: 'fail', payload: `no room ${trick}` });
    expect(await peer.nextJson()).toMatchObject({ id: trick, code: 'internal' });
    await logged;
    for (const type of ['request', 'subscribe', 'publish', trick])
      peer.send({ type, id: '1', event: trick, room: trick });
    for (let answers = 0; answers < 4; answers += 1)
      expect(JSON.stringify(await peer.nextJson())).not.toContain(
        JSON.stringify(trick).slice(1, -1),
      );

    const [line = ''] = door.logs.errors.splice(0);
    expect(line).toContain('no room');
    expect(line).not.toContain(trick);
    expect(door.logs.all.join('')).not.toContain(trick);
    // The stack keeps its lines; nothing in the message adds one.
    expect(line.split('\n')[1]).toMatch(/^\s+at /);
  });

  it('P-17 reflects nothing of a handshake in its answer', async () => {
    for (const headers of [
      [OFFER, 'Origin: https://evil.example'],
      ['Authorization: Bearer evil-token'],
      ['Sec-WebSocket-Protocol: realtime.v1.json, evil"protocol'],
    ]) {
      const peer = await RawPeer.connect(door.port);
      peers.push(peer);
      peer.write(handshake(headers, '/realtime?evil=%0d%0aX-Injected:%20yes'));
      const answer = await peer.answer();
      expect(JSON.stringify([...answer.headers])).not.toMatch(/evil|injected/i);
      expect(answer.body).not.toMatch(/evil|injected/i);
    }
  });
});
