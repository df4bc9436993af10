import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';

import { ManualClock } from '../../lib/testing/manual-clock.js';
import { UpgradeRouter, watchFirstHeaders, type UpgradeGate } from '../../lib/transport/index.js';
import type { UpgradeListener } from '../../lib/transport/upgrade-router.js';
import { frameBytes, RawSocket } from '../support/raw-socket.js';
import { deferred, turn, turns, until } from '../support/turns.js';
import { OPEN_GATE, WireServer } from '../support/wire-server.js';

const servers: { dispose(): Promise<void> }[] = [];

async function start(options?: Parameters<typeof WireServer.start>[0]): Promise<WireServer> {
  const server = await WireServer.start(options);
  servers.push(server);
  return server;
}

/** A bare HTTP server with a router on it, and whatever else a test adds. */
async function bare(): Promise<{
  http: Server;
  router: UpgradeRouter;
  port: number;
  ours: string[];
}> {
  const http = createServer();
  const ours: string[] = [];
  const router = new UpgradeRouter(http, '/realtime', (request, socket) => {
    ours.push(request.url ?? '');
    socket.destroy();
  });
  await new Promise<void>((resolve) => {
    http.listen(0, '127.0.0.1', resolve);
  });
  servers.push({
    dispose: () =>
      new Promise((resolve) => {
        http.close(() => {
          resolve();
        });
        http.closeAllConnections();
      }),
  });
  return { http, router, port: (http.address() as AddressInfo).port, ours };
}

/** Takes a request and ends it with a word of its own. */
function answering(word: string, log: string[] = []): UpgradeListener {
  return (request, socket) => {
    log.push(request.url ?? '');
    socket.end(`HTTP/1.1 418 ${word}\r\n\r\n`);
  };
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.dispose();
});

describe('upgrade requests', () => {
  it('are answered with 404 and JSON for an unknown path, not with a hang-up', async () => {
    const server = await start();
    const raw = await server.connect({ path: '/elsewhere' });
    await raw.ended;
    expect(raw.status).toBe(404);
    expect(raw.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(raw.headers.get('connection')).toBe('close');
    expect(JSON.parse(raw.body)).toEqual({
      statusCode: 404,
      code: 'not-found',
      message: 'nothing to upgrade here',
    });
    expect(server.links).toEqual([]);
  });

  it('are answered with 404 also where the first headers are watched', async () => {
    const { http, port } = await bare();
    const endWatch = watchFirstHeaders(http, new ManualClock(), {
      limitMs: 5_000,
      maxWaiting: 1_000,
    });
    const raw = await RawSocket.connect(port, { path: '/elsewhere' });
    await raw.ended;
    expect(raw.status).toBe(404);
    endWatch();
  });

  it.each(['/realtime/', '/realtime?token=x', '/realtime/?a=/b'])(
    'are ours at %s, which names the same path',
    async (path) => {
      const server = await start();
      const raw = await server.connect({ path });
      expect(raw.status).toBe(101);
      expect(raw.isProved).toBe(true);
    },
  );

  it.each(['/realtime/x', '/Realtime', '/realtimes', '/', '/?/realtime', '/%72ealtime'])(
    'are not ours at %s',
    async (path) => {
      const server = await start();
      const raw = await server.connect({ path });
      expect(raw.status).toBe(404);
    },
  );

  it('leave another listener’s path alone', async () => {
    const { http, port, ours } = await bare();
    const log: string[] = [];
    http.on('upgrade', (request, socket) => {
      if (request.url === '/theirs') answering('theirs', log)(request, socket, Buffer.alloc(0));
    });
    const theirs = await RawSocket.connect(port, { path: '/theirs' });
    expect(theirs.status).toBe(418);
    const raw = RawSocket.dial(port, { path: '/realtime' });
    await raw.ended;
    expect(ours).toEqual(['/realtime']);
    expect(log).toEqual(['/theirs']);
  });

  it('leave a path alone that nobody has answered yet where somebody else listens', async () => {
    const { http, port } = await bare();
    const answers: (() => void)[] = [];
    http.on('upgrade', (request, socket, head) => {
      answers.push(() => {
        answering('later')(request, socket, head);
      });
    });
    const raw = RawSocket.dial(port, { path: '/later' });
    await until(() => answers.length === 1);
    await turns(5);
    expect(raw.status).toBe(0);
    answers[0]?.();
    await raw.ended;
    expect(raw.status).toBe(418);
  });

  it('go to listeners that were adopted, but never ours', async () => {
    const { http, router, port, ours } = await bare();
    const log: string[] = [];
    const result = router.adopt(() => {
      http.on('upgrade', answering('adopted', log));
      return 'installed';
    });
    expect(result).toBe('installed');
    expect(http.listenerCount('upgrade')).toBe(1);
    const theirs = await RawSocket.connect(port, { path: '/theirs' });
    expect(theirs.status).toBe(418);
    const raw = RawSocket.dial(port, { path: '/realtime' });
    await raw.ended;
    expect(log).toEqual(['/theirs']);
    expect(ours).toEqual(['/realtime']);
  });

  it('are ours, once we are retired, unless somebody else listens', async () => {
    const { http, router, port, ours } = await bare();
    const log: string[] = [];
    router.adopt(() => http.on('upgrade', answering('adopted', log)));
    router.retire();
    router.retire();
    for (const path of ['/theirs', '/realtime']) await RawSocket.dial(port, { path }).ended;
    expect(log).toEqual([]);
    expect(ours).toEqual(['/theirs', '/realtime']);

    http.on('upgrade', answering('other', log));
    const other = await RawSocket.connect(port, { path: '/theirs' });
    expect(other.status).toBe(418);
    expect(ours).toHaveLength(2);
  });

  it('find the server as it was once we have left it', async () => {
    const { http, router } = await bare();
    const before = answering('before');
    http.on('upgrade', before);
    router.adopt(() => http.on('upgrade', answering('adopted')));
    router.detach();
    expect(http.listeners('upgrade')).toEqual([before]);
  });

  it('are refused with 503 and Retry-After when the server takes no more', async () => {
    const server = await start();
    server.ws.stopAccepting();
    const raw = await server.connect();
    await raw.ended;
    expect(raw.status).toBe(503);
    expect(raw.headers.get('retry-after')).toBe('1');
    expect(JSON.parse(raw.body)).toMatchObject({ statusCode: 503, code: 'unavailable' });
  });

  it('are refused when the server stops while they are being decided', async () => {
    const gate = deferred();
    const server = await start({ gate: slowGate(gate.promise) });
    const raw = server.dial();
    await turns(20);
    server.ws.stopAccepting();
    gate.resolve();
    await raw.answered;
    expect(raw.status).toBe(503);
  });

  it('are refused with what the gate says', async () => {
    const server = await start({
      gate: {
        ...OPEN_GATE,
        decide: () => Promise.resolve({ status: 499, code: 'odd', message: 'no "reason"' }),
      },
    });
    const raw = await server.connect();
    await raw.ended;
    expect(raw.status).toBe(499);
    expect(raw.headers.has('retry-after')).toBe(false);
    expect(JSON.parse(raw.body)).toEqual({ statusCode: 499, code: 'odd', message: 'no "reason"' });
  });

  it.each([
    [401, 4401],
    [403, 4403],
  ])(
    'that speak our protocol are told %i by the close %i, which browsers show',
    async (status, code) => {
      const server = await start({
        gate: {
          ...OPEN_GATE,
          decide: () => Promise.resolve({ status, code: 'no', message: 'not you' }),
        },
      });
      const raw = await server.connect({ protocols: 'realtime.v1.json' });
      await raw.ended;
      expect(raw.status).toBe(101);
      expect(raw.close).toEqual({ code, reason: 'not you' });
      const plain = await server.connect();
      expect(plain.status).toBe(status);
    },
  );
});

/** Lets everybody in, later. */
function slowGate(gate: Promise<unknown>): UpgradeGate {
  return {
    ...OPEN_GATE,
    decide: async (request, ip) => {
      await gate;
      return OPEN_GATE.decide(request, ip);
    },
  };
}

describe('subprotocols', () => {
  it('are agreed upon, whatever else is offered', async () => {
    const server = await start();
    const raw = await server.connect({ protocols: 'chat, bearer.secret, realtime.v1.json' });
    expect(raw.status).toBe(101);
    expect(raw.headers.get('sec-websocket-protocol')).toBe('realtime.v1.json');
    await until(() => server.links.length === 1);
    expect(server.links[0]?.handshake.negotiated).toBe(true);
  });

  it('are not needed: a plain connection is let in without an echo', async () => {
    const server = await start();
    const raw = await server.connect();
    expect(raw.headers.has('sec-websocket-protocol')).toBe(false);
    await until(() => server.links.length === 1);
    expect(server.links[0]?.handshake).toMatchObject({ negotiated: false, ip: '127.0.0.1' });
  });

  it('that are unknown are echoed, so that a browser sees the close 4406', async () => {
    const server = await start();
    const raw = await server.connect({ protocols: 'chat, graphql' });
    await raw.ended;
    expect(raw.headers.get('sec-websocket-protocol')).toBe('chat');
    expect(raw.close).toEqual({ code: 4406, reason: 'expected realtime.v1.json' });
    expect(server.links).toEqual([]);
  });

  it('that carry credentials are never echoed', async () => {
    const server = await start();
    for (const protocols of ['bearer.secret', 'bearer.secret, chat', 'chat, bearer.secret']) {
      const raw = await server.connect({ protocols });
      await raw.ended;
      expect(raw.headers.get('sec-websocket-protocol') ?? '').not.toContain('bearer');
      expect(raw.close?.code).toBe(4406);
    }
  });
});

describe('the first bytes of a peer', () => {
  it.each([1, 3])(
    'C-06 are handled exactly once in the same segment, %i frame(s)',
    async (count) => {
      const server = await start();
      const texts = Array.from({ length: count }, (_, n) => `{"n":${String(n)}}`);
      await server.connect({ first: Buffer.concat(texts.map((text) => frameBytes(text))) });
      await until(() => (server.links[0]?.log.messages.length ?? 0) >= count);
      await turns(5);
      expect(server.links[0]?.log.messages).toEqual(texts);
    },
  );

  it('C-06 are not lost while the gate decides', async () => {
    const gate = deferred();
    const server = await start({ gate: slowGate(gate.promise) });
    const raw = server.dial({ first: frameBytes('first') });
    await turns(20);
    raw.send('second');
    await turns(20);
    gate.resolve();
    await until(() => (server.links[0]?.log.messages.length ?? 0) >= 2);
    expect(server.links[0]?.log.messages).toEqual(['first', 'second']);
  });

  it('C-01 may be a reset, at any moment of the upgrade', async () => {
    const gate = deferred();
    const server = await start({ gate: slowGate(gate.promise) });
    const early = server.dial();
    const late = server.dial();
    await turns(20);
    early.reset();
    await turns(20);
    gate.resolve();
    await late.answered;
    late.reset();
    await until(() => server.links.every(({ log }) => log.ends.length === 1));
    expect(server.links).toHaveLength(1);
    await until(() => server.ws.size === 0);
    const next = await server.connect();
    expect(next.status).toBe(101);
  });

  it('C-01 may be a reset of a request that is refused', async () => {
    const server = await start();
    const raw = server.dial({ path: '/elsewhere' });
    raw.reset();
    await turns(20);
    expect((await server.connect()).status).toBe(101);
  });
});

describe('a storm of upgrades', () => {
  const closeOf = (server: WireServer, index: number): void => {
    server.links[index]?.transport.close(4429, 'too much');
  };

  it('T-01 admits a burst from all addresses and a rate, and refuses the surplus cheaply', async () => {
    let asked = 0;
    const gate: UpgradeGate = {
      // Each from an address of its own.
      addressOf: (request) => String(request.socket.remotePort),
      decide: (request, ip) => {
        asked += 1;
        return OPEN_GATE.decide(request, ip);
      },
    };
    const server = await start({ gate, limits: { upgradesPerSecond: 2, upgradeBurst: 3 } });
    const statuses = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await server.connect()).status);
    expect([statuses, asked]).toEqual([[101, 101, 101, 503, 503], 3]);
    (server.clock as ManualClock).advance(500);
    expect((await server.connect()).status).toBe(101);
    expect((await server.connect()).status).toBe(503);
  });

  it('T-01 tells the refused different times to come back', async () => {
    const server = await start({ limits: { upgradesPerSecond: 1, upgradeBurst: 1 } });
    await server.connect();
    const told = [];
    for (let n = 0; n < 12; n += 1) {
      const raw = await server.connect();
      await raw.ended;
      expect(JSON.parse(raw.body)).toMatchObject({ code: 'unavailable' });
      told.push(Number(raw.headers.get('retry-after')));
    }
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2]);
  });

  it('T-01 has no bound where it is switched off', async () => {
    const server = await start({ limits: { upgradesPerSecond: 0, upgradeBurst: 1 } });
    for (let n = 0; n < 5; n += 1) expect((await server.connect()).status).toBe(101);
  });

  it('T-05 an address that does not wait takes nothing from the others', async () => {
    const gate: UpgradeGate = { ...OPEN_GATE, addressOf: ({ url }) => url ?? '' };
    const limits = { attemptBurst: 2, attemptsPerSecond: 1, upgradesPerSecond: 1, upgradeBurst: 3 };
    const server = await start({ gate, limits });
    const statuses = [];
    for (let n = 0; n < 6; n += 1) {
      statuses.push((await server.connect({ path: '/realtime?mallory' })).status);
    }
    statuses.push((await server.connect({ path: '/realtime?ada' })).status);
    expect(statuses).toEqual([101, 101, 429, 429, 429, 429, 101]);
  });

  it('T-05 an address whose connections are closed with 4429 is kept out, for no longer than 10 s', async () => {
    const gate: UpgradeGate = { ...OPEN_GATE, addressOf: ({ url }) => url ?? '' };
    const server = await start({ gate, limits: { attemptBurst: 20, attemptsPerSecond: 10 } });
    for (let n = 0; n < 10; n += 1) await server.connect({ path: '/realtime?mallory' });
    await until(() => server.links.length === 10);
    for (let n = 0; n < 10; n += 1) closeOf(server, n);
    const raw = await server.connect({ path: '/realtime?mallory' });
    expect([raw.status, raw.headers.get('retry-after')]).toEqual([429, '11']);
    expect((await server.connect({ path: '/realtime?ada' })).status).toBe(101);
    (server.clock as ManualClock).advance(10_100);
    expect((await server.connect({ path: '/realtime?mallory' })).status).toBe(101);
  });

  it('T-05 other ends cost an address nothing', async () => {
    const server = await start({ limits: { attemptBurst: 3, attemptsPerSecond: 1 } });
    await server.connect();
    await until(() => server.links.length === 1);
    server.links[0]?.transport.close(1001, 'going away');
    expect((await server.connect()).status).toBe(101);
  });
});

describe('closing the server', () => {
  it('waits for links that are being closed', async () => {
    const server = await start();
    const raw = await server.connect();
    await until(() => server.links.length === 1);
    server.links[0]?.transport.close(1001, 'going away');
    await server.ws.close(60_000);
    expect(raw.close).toEqual({ code: 1001, reason: 'going away' });
    expect(server.ws.size).toBe(0);
    expect((server.clock as ManualClock).waiting).toBe(0);
  });

  it('cuts links that do not answer after the grace', async () => {
    const server = await start();
    const clock = server.clock as ManualClock;
    await server.connect({ answersClose: false });
    await until(() => server.links.length === 1);
    server.links[0]?.transport.close(1001, 'going away');
    let closed = false;
    const closing = server.ws.close(2_000).then(() => {
      closed = true;
    });
    clock.advance(1_999);
    await turns(20);
    expect(closed).toBe(false);
    clock.advance(1);
    await closing;
    expect(server.links[0]?.log.ends).toEqual([{ code: 1006, reason: '' }]);
    expect(clock.waiting).toBe(0);
  });

  it('cuts peers as well that were upgraded only to be refused, and do not go', async () => {
    const server = await start();
    await server.connect({ protocols: 'chat', answersClose: false });
    await until(() => server.ws.size === 1);
    const closing = server.ws.close(2_000);
    (server.clock as ManualClock).advance(2_000);
    await closing;
    expect(server.ws.size).toBe(0);
  });

  it('G-02 ends for everyone who asked for it', async () => {
    const server = await start();
    await server.connect({ answersClose: false });
    await until(() => server.links.length === 1);
    const closings = [server.ws.close(1_000), server.ws.close(2_000)];
    (server.clock as ManualClock).advance(1_000);
    await Promise.all(closings);
    await server.ws.close(1_000);
    expect((server.clock as ManualClock).waiting).toBe(0);
  });

  it('G-04 leaves the HTTP server without sockets and listeners', async () => {
    const server = await start();
    for (let n = 0; n < 5; n += 1) await server.connect();
    await until(() => server.links.length === 5);
    for (const { transport } of server.links) transport.close(1001, 'going away');
    await server.ws.close(1_000);
    server.router.detach();
    await turn();
    const sockets = await new Promise<number>((resolve, reject) => {
      server.http.getConnections((error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
    expect(sockets).toBe(0);
    expect(server.http.listenerCount('upgrade')).toBe(0);
  });
});
