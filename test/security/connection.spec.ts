/** Section A of the catalogue: what a peer does with its link before it says anything sensible. */
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';

import type { RealtimeConnection } from '../../lib/index.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { Door, Gate, nameVerify, type DoorSetup } from '../support/security-app.js';
import { frame, handshake, OFFER, Opcode, RawPeer } from '../support/security-raw.js';

let door: Door;

async function openDoor(setup: DoorSetup = {}): Promise<Door> {
  door = await Door.open(setup);
  return door;
}

afterEach(async () => {
  await door.close();
});

describe('a peer that resets', () => {
  it('C-01 drops a peer that resets while its upgrade is being authenticated, and serves on', async () => {
    const asked = new Gate();
    const verdict = new Gate<{ id: string }>();
    const { port } = await openDoor({
      options: {
        auth: {
          verify: (token) => {
            if (token !== 'slow') return nameVerify(token);
            asked.resolve();
            return verdict.promise;
          },
        },
        // One place: it has to be free again for the witness.
        limits: { connectionsPerIp: 1 },
      },
    });
    const peer = await RawPeer.connect(port);
    peer.write(handshake([OFFER, 'Authorization: Bearer slow']));
    await asked.promise;
    const serverSide = door.latestSocket;
    const gone = new Promise<void>((resolve) =>
      serverSide.once('close', () => {
        resolve();
      }),
    );

    peer.reset();
    await gone;
    verdict.resolve({ id: 'late' });

    expect(await door.serves()).toBe(true);
    expect(door.node.hub.size).toBe(0);
    expect(door.logs.errors).toEqual([]);
  });
});

describe('a peer that is slow to say what it wants', () => {
  it('C-02 cuts peers that drip their headers after five seconds, and admits others meanwhile', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({ clock });
    const peers = await Promise.all(Array.from({ length: 200 }, () => RawPeer.connect(port)));
    await door.accepted(200);
    const request = handshake([OFFER]);
    for (let second = 0; second < 4; second += 1) {
      for (const peer of peers) peer.write(request.charAt(second));
      clock.advance(1_000);
    }
    expect(await door.serves()).toBe(true);
    expect(peers.filter(({ isEnded }) => isEnded)).toEqual([]);

    clock.advance(1_000);

    await Promise.all(peers.map(({ ended }) => ended));
    expect(await door.serves()).toBe(true);
  });

  it('C-02 holds so many connections without headers and no more: the oldest gives way', async () => {
    const { port } = await openDoor({ options: { limits: { pendingUpgrades: 2 } } });
    const first = await RawPeer.connect(port);
    first.write('G');
    const peers = await Promise.all(Array.from({ length: 20 }, () => RawPeer.connect(port)));

    await first.ended;
    expect(await door.serves()).toBe(true);
    expect(peers.filter(({ isEnded }) => isEnded).length).toBeLessThanOrEqual(1);
  });

  it('C-03 closes a TCP connection that sends nothing, and an HTTP connection that stays idle', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({ clock });
    const silent = await RawPeer.connect(port);
    await door.accepted(1);
    door.httpServer.keepAliveTimeout = 20;
    const idle = await RawPeer.connect(port);
    idle.write('GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    expect((await idle.answer()).status).toBe(404);

    await idle.ended;
    clock.advance(5_000);
    await silent.ended;

    expect(await door.serves()).toBe(true);
  });

  it('C-04 closes a connection without hello after ten seconds, whatever pings it sends meanwhile', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({ clock });
    const peer = await RawPeer.upgrade(port);
    for (let second = 0; second < 9; second += 1) {
      peer.write(frame('still here', { opcode: Opcode.ping }));
      expect((await peer.nextFrame()).opcode).toBe(Opcode.pong);
      clock.advance(1_000);
    }
    expect(peer.isEnded).toBe(false);

    clock.advance(1_100);

    expect((await peer.closed()).code).toBe(4408);
  });

  it('C-04 closes at the first junk frame instead of waiting on', async () => {
    const { port } = await openDoor();
    const peer = await RawPeer.upgrade(port);

    peer.write(frame('{"type":"ping"}'));

    expect((await peer.closed()).code).toBe(4400);
  });
});

describe('a handshake that is too much', () => {
  const many = Array.from({ length: 2_000 }, (_, index) => `x${index.toString(36)}:`);
  it.each([
    ['2,000 headers in front of the upgrade', [...many, OFFER], [101, 400, 431]],
    ['2,000 headers behind the upgrade', [OFFER, ...many], [101, 400, 431]],
    ['one header of 16 KB', [`X-Large: ${'x'.repeat(16_384)}`, OFFER], [431]],
    ['32 KB of subprotocols', [`Sec-WebSocket-Protocol: a,${' '.repeat(32_768)}x`], [431]],
    [
      '15 KB of blanks between subprotocols',
      [`Sec-WebSocket-Protocol: a,${' '.repeat(15_000)}x`],
      [101, 400],
    ],
    [
      '15 KB of subprotocols of one letter',
      [`Sec-WebSocket-Protocol: ${'a,'.repeat(7_000)}b`],
      [400],
    ],
    [
      '15 KB of extensions',
      [`Sec-WebSocket-Extensions: ${'a;'.repeat(7_000)}b`, OFFER],
      [101, 400],
    ],
    [
      '15 KB of blanks behind Bearer',
      [`Authorization: Bearer ${' '.repeat(15_000)} x y`, OFFER],
      [101, 400],
    ],
  ])('C-05 answers %s without delay', async (_, headers, statuses) => {
    const { port } = await openDoor({ options: { limits: { attemptBurst: 1_000 } } });
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const peer = await RawPeer.connect(port);
      const start = performance.now();
      peer.write(handshake(headers));
      const { status } = await peer.answer();
      times.push(performance.now() - start);
      expect(statuses).toContain(status);
      peer.socket.destroy();
    }

    // The round trip and the test's own parsing are in it; the attacks took seconds.
    expect(Math.min(...times)).toBeLessThan(20);
    expect(await door.serves()).toBe(true);
  });
});

describe('a hello that comes early', () => {
  it('C-06 handles a hello in the same TCP segment as the upgrade exactly once', async () => {
    const { port } = await openDoor();
    const hello = frame('{"type":"hello","token":"token-ada"}');
    const request = frame('{"type":"request","id":"1","event":"echo","payload":1}');

    const peer = await RawPeer.upgrade(port, [OFFER], [hello, request]);

    expect(await peer.nextJson()).toMatchObject({ type: 'connected', user: { id: 'ada' } });
    expect(await peer.nextJson()).toEqual({ type: 'response', id: '1', payload: 1 });
    expect(door.gateway.clients.size).toBe(1);
    expect(door.gateway.reached).toEqual(['echo']);
  });

  it('C-06 keeps it while the handshake is being authenticated', async () => {
    const asked = new Gate();
    const verdict = new Gate<{ id: string }>();
    const { port } = await openDoor({
      options: {
        auth: {
          verify: () => {
            asked.resolve();
            return verdict.promise;
          },
        },
      },
    });
    const opening = RawPeer.upgrade(
      port,
      [OFFER, 'Authorization: Bearer slow'],
      [frame('{"type":"hello"}')],
    );
    await asked.promise;
    verdict.resolve({ id: 'ada' });

    const peer = await opening;
    expect(await peer.nextJson()).toMatchObject({ type: 'connected', user: { id: 'ada' } });
    expect(door.gateway.clients.size).toBe(1);
  });
});

describe('a peer that wants too much', () => {
  it('C-10 caps the connections of one address and leaves other addresses alone', async () => {
    const { port } = await openDoor({
      options: { limits: { connectionsPerIp: 100, attemptBurst: 2_000 } },
    });
    const peers = await Promise.all(Array.from({ length: 1_000 }, () => RawPeer.connect(port)));
    for (const peer of peers) peer.write(handshake([OFFER]));
    const answers = await Promise.all(peers.map((peer) => peer.answer()));

    const statuses = groupByStatus(answers);
    expect(statuses.get(101)).toHaveLength(100);
    expect(statuses.get(429)).toHaveLength(900);
    expect(statuses.get(429)?.every(({ headers }) => headers.get('retry-after') === '5')).toBe(
      true,
    );
    const other = await door.connect('token-bob', { socket: { localAddress: '127.0.0.2' } });
    expect(await other.request('1', 'echo', 1)).toMatchObject({ payload: 1 });
    for (const peer of peers) peer.socket.destroy();
  });

  it('C-10 refuses the newest connection of a user beyond its number, and nobody else', async () => {
    const { url } = await openDoor({ options: { limits: { connectionsPerUser: 10 } } });
    const devices = await Promise.all(Array.from({ length: 10 }, () => door.connect('token-ada')));
    const surplus = await RawClient.open(url);
    surplus.send({ type: 'hello', token: 'token-ada' });

    expect((await surplus.closed).code).toBe(4429);
    expect(await door.serves()).toBe(true);
    await devices[0]?.close();
    await door.gateway.left(9);
    expect(await door.serves('token-ada')).toBe(true);
  });

  it('C-12 closes a peer that floods with pings, and answers no more than its share', async () => {
    const { port } = await openDoor();
    const peer = await RawPeer.open(port);
    const ping = frame('x'.repeat(125), { opcode: Opcode.ping });

    peer.write(Buffer.concat(Array.from({ length: 10_000 }, () => ping)));

    const { code, pongs } = await untilClosed(peer);
    // Too much of it in one segment is cut without a word.
    expect([4429, 1006]).toContain(code);
    expect(pongs).toBeLessThanOrEqual(60);
    expect(await door.serves()).toBe(true);
  });

  it('C-12 says why to a peer that pings too often but reads the answers', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({ clock });
    const peer = await RawPeer.open(port);
    const ping = frame('x'.repeat(125), { opcode: Opcode.ping });
    for (let sent = 0; sent < 50; sent += 1) {
      peer.write(ping);
      expect((await peer.nextFrame()).opcode).toBe(Opcode.pong);
    }
    clock.advance(1_000);
    peer.write(ping);
    expect((await peer.nextFrame()).opcode).toBe(Opcode.pong);

    for (let sent = 0; sent < 50; sent += 1) peer.write(ping);
    peer.send({ type: 'request', id: '1', event: 'echo', payload: 1 });

    const { code, pongs } = await untilClosed(peer);
    expect(code).toBe(4429);
    expect(pongs).toBeLessThanOrEqual(50);
    expect(door.gateway.reached).toEqual([]);
  });

  it('C-12 closes a peer that floods with pongs nobody asked for', async () => {
    const { port } = await openDoor();
    const peer = await RawPeer.open(port);
    const pong = frame('', { opcode: Opcode.pong });

    peer.write(Buffer.concat(Array.from({ length: 10_000 }, () => pong)));

    expect((await peer.closed()).code).toBe(4429);
    expect(await door.serves()).toBe(true);
  });

  it('C-12 buffers no pongs for a peer that pings and never reads', async () => {
    const clock = new ManualClock();
    const { port } = await openDoor({ clock });
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    // Never read: what comes stays in the kernel, then on the server.
    socket.pause();
    socket.write(handshake([OFFER]));
    socket.write(frame('{"type":"hello","token":"token-ada"}'));
    const client = await nextClient();
    const serverSide = door.latestSocket;
    const batch = Buffer.concat(
      Array.from({ length: 45 }, () => frame('x'.repeat(125), { opcode: Opcode.ping })),
    );
    socket.on('error', () => undefined);
    let most = 0;
    // Until the kernel takes no more and the pongs would pile up here.
    for (let second = 0; second < 5_000 && client.isConnected; second += 1) {
      socket.write(batch);
      // Until the server has read them: two batches in one second would be a flood.
      while (!serverSide.destroyed && serverSide.bytesRead < socket.bytesWritten)
        await new Promise(setImmediate);
      clock.advance(1_000);
      most = Math.max(most, serverSide.writableLength);
    }
    expect(client.isConnected).toBe(false);
    expect(most).toBeLessThan(64 * 1_024);
    socket.destroy();
  });

  it('C-13 forgets a thousand clients that leave at once', async () => {
    await openDoor({ options: { limits: { attemptBurst: 5_000, connectionsPerUser: 5_000 } } });
    const clients = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => door.connect(`token-${String(index % 10)}`)),
    );
    for (const client of clients) client.send({ type: 'subscribe', id: '1', room: 'open/hall' });
    await Promise.all(clients.map((client) => client.next('subscribed')));
    const start = performance.now();

    for (const { socket } of clients) socket.terminate();
    await door.gateway.left(0);

    expect(performance.now() - start).toBeLessThan(2_000);
    expect(door.node.hub.size).toBe(0);
    expect(door.node.hub.userCount).toBe(0);
    expect(door.node.rooms.size).toBe(0);
    expect(await door.serves()).toBe(true);
  }, 30_000);
});

describe('a close', () => {
  it('C-14 cuts a long reason on a code point', async () => {
    const { port } = await openDoor();
    const peer = await RawPeer.open(port);
    const client = await nextClient();

    client.close(4300, `x${'😀'.repeat(40)}`);

    const { code, reason } = await peer.closed();
    expect(code).toBe(4300);
    expect(reason.length).toBe(121);
    expect(reason.toString('utf8')).toBe(`x${'😀'.repeat(30)}`);
  });

  it('C-14 lets nothing but a string reach the wire as a reason', async () => {
    const { port } = await openDoor();
    const peer = await RawPeer.open(port);
    const client = await nextClient();

    client.close(4300, new Float64Array(4) as unknown as string);

    expect((await peer.closed()).reason.toString('utf8')).toBe('0,0,0,0');
  });
});

function groupByStatus<T extends { status: number }>(answers: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const answer of answers) {
    const group = groups.get(answer.status);
    if (group === undefined) groups.set(answer.status, [answer]);
    else group.push(answer);
  }
  return groups;
}

/** Code of the close, and the pongs that came before it. */
async function untilClosed(peer: RawPeer): Promise<{ code: number; pongs: number }> {
  let pongs = 0;
  for (;;) {
    const next = await peer.nextFrame().catch(() => undefined);
    if (next === undefined) return { code: 1006, pongs };
    if (next.opcode === Opcode.pong) pongs += 1;
    if (next.opcode === Opcode.close) return { code: next.payload.readUInt16BE(0), pongs };
  }
}

/** The one client that is connected, or the next one that will be. */
async function nextClient(): Promise<RealtimeConnection> {
  for (;;) {
    const client = [...door.gateway.clients][0];
    if (client !== undefined) return client;
    await new Promise(setImmediate);
  }
}
