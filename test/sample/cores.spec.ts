import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RealtimeClient } from 'nestjs-realtime/client';
import { WebSocket } from 'ws';

import type { HallContract } from '../../sample/03-cores/src/hall.contract.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { CoresProcess } from './support/cores-process.js';

/** Clients that the kernel may give to one process before the test takes it for broken. */
const MAX_CLIENTS = 200;

let redis: RedisServer;
let cores: CoresProcess;
const open: { close(): void }[] = [];

beforeAll(async () => {
  redis = await startRedis();
  cores = await CoresProcess.start(redis.url);
}, 30_000);

afterAll(async () => {
  for (const client of open) client.close();
  await cores.stop();
  await redis.stop();
});

/** A client in a hall, with what it heard there. */
class Visitor {
  readonly heard: string[] = [];
  readonly gaps: unknown[] = [];
  /** What a new connection has to wait for. */
  gate = Promise.resolve();
  pid = 0;
  private check = () => {};

  private constructor(
    readonly client: RealtimeClient<HallContract>,
    private readonly hall: string,
  ) {}

  static async join(hall: string, server = cores): Promise<Visitor> {
    const token = () => visitor.gate.then(() => 'visitor');
    const client = new RealtimeClient<HallContract>(server.realtimeUrl, { token, WebSocket });
    const visitor: Visitor = new Visitor(client, hall);
    open.push(client);
    const room = client.room(`hall/${hall}`);
    room.on('said', ({ text, pid }) => {
      visitor.heard.push(`${String(pid)} ${text}`);
      visitor.check();
    });
    room.on('gap', (gap) => visitor.gaps.push(gap));
    await room.subscribe();
    await visitor.locate();
    return visitor;
  }

  /** Asks which process has the connection. */
  async locate(): Promise<number> {
    ({ pid: this.pid } = await this.client.request('hall.where'));
    return this.pid;
  }

  /** Resolves to what everyone in the hall is to hear. */
  async say(text: string): Promise<string> {
    const { pid } = await this.client.request('hall.say', { hall: this.hall, text });
    return `${String(pid)} ${text}`;
  }

  /** Everything it heard, once it is as much. */
  hears(count: number): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.check = () => {
        if (this.heard.length >= count) resolve(this.heard);
      };
      this.check();
    });
  }

  /** Resolves when the connection has broken. */
  breaks(): Promise<void> {
    return new Promise((resolve) => {
      this.client.on('state', ({ state }) => {
        if (state === 'waiting') resolve();
      });
    });
  }
}

/** Two visitors of a new hall whose connections are in different processes. */
async function joinApart(): Promise<[Visitor, Visitor]> {
  const hall = randomUUID().slice(0, 8);
  const first = await Visitor.join(hall);
  for (let count = 1; count < MAX_CLIENTS; count += 1) {
    const second = await Visitor.join(hall);
    if (second.pid !== first.pid) return [first, second];
  }
  throw new Error(`${MAX_CLIENTS} clients are all in process ${first.pid}`);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('processes behind one port', () => {
  it('bring what a client of one says to the clients of the other, in order', async () => {
    const [ann, bob] = await joinApart();

    const said = [await ann.say('hello'), await bob.say('hello yourself'), await ann.say('bye')];

    expect(said.map((text) => text.split(' ')[0])).toEqual(
      [ann, bob, ann].map(({ pid }) => `${pid}`),
    );
    expect(await ann.hears(3)).toEqual(said);
    expect(await bob.hears(3)).toEqual(said);
  });

  it('refuse a text that breaks a rule', async () => {
    const ann = await Visitor.join('rules');

    await expect(ann.say('')).rejects.toMatchObject({ code: 'validation-failed' });
  });

  it('refuse a token that is no name', async () => {
    const client = new RealtimeClient(cores.realtimeUrl, { token: 'no name', WebSocket });
    client.on('error', () => {});
    open.push(client);

    await expect(client.request('hall.where')).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('take the clients of one that is killed, who miss nothing of what was said meanwhile', async () => {
    const [ann, bob] = await joinApart();
    const before = await ann.say('before');
    await ann.hears(1);
    const killed = ann.pid;
    const broken = ann.breaks();
    // Ann is away until something was said without her.
    let comeBack = () => {};
    ann.gate = new Promise((resolve) => (comeBack = resolve));

    process.kill(killed, 'SIGKILL');
    await broken;
    const meanwhile = [await bob.say('first'), await bob.say('second')];
    comeBack();

    expect(await ann.locate()).not.toBe(killed);
    const after = await ann.say('after');
    expect(await ann.hears(4)).toEqual([before, ...meanwhile, after]);
    expect(await bob.hears(4)).toEqual([before, ...meanwhile, after]);
    expect([...ann.gaps, ...bob.gaps]).toEqual([]);
  });

  it('are as many again after one was killed', async () => {
    const other = await CoresProcess.start(redis.url);
    const [killed = 0] = await other.listening(2);

    process.kill(killed, 'SIGKILL');

    await other.printed(`Process ${killed} ended: SIGKILL`);
    const listened = await other.listening(3);
    expect(listened.map(isAlive)).toEqual([false, true, true]);
    await other.stop();
  });
});

describe('the whole', () => {
  // Each is another one, and waits for most of the time that it has to end.
  it.concurrent.each(['SIGTERM', 'SIGINT'] as const)(
    'ends by %s with 0, every process first',
    async (signal) => {
      const other = await CoresProcess.start(redis.url);
      const visitor = await Visitor.join('evening', other);
      const broken = visitor.breaks();
      const pids = await other.listening(2);

      const { code } = await other.stop(signal);

      await broken;
      expect(code).toBe(0);
      expect(pids.map(isAlive)).toEqual([false, false]);
    },
  );

  it('ends with 1 if no process can start, as without Redis', async () => {
    const gone = await startRedis();
    await gone.stop();

    const { code, output } = await CoresProcess.spawn(gone.url).ended;

    expect(code).toBe(1);
    expect(output).toMatch(/Process \d+ ended: code 1/);
  }, 30_000);
});
