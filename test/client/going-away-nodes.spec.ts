import { afterEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { WebSocket } from 'ws';

import { RealtimeClient, type WebSocketConstructor } from '../../lib/client/index.js';
import {
  REALTIME_BROKER,
  RealtimeGateway,
  RealtimeRoom,
  type RoomPolicy,
} from '../../lib/index.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { SharedBroker } from '../support/shared-broker.js';
import { Browser } from './support/tabs.js';
import { until } from './support/turns.js';

const ROOM = 'chat/x';

@RealtimeGateway()
class EchoGateway {
  readonly handled: unknown[] = [];

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    this.handled.push(payload);
    return payload;
  }
}

@RealtimeRoom('chat/:room')
class ChatRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

/** Two nodes of one service. */
async function startNodes(): Promise<[RunningApp, RunningApp]> {
  const broker = new SharedBroker();
  const start = () =>
    startApp({
      providers: [EchoGateway, ChatRooms],
      overrides: new Map([[REALTIME_BROKER, broker.forNode()]]),
      options: { shutdown: { handover: true, drainMs: 20_000, spreadMs: 500 } },
    });
  return [await start(), await start()];
}

/** What a load balancer does: new connections go where it says. */
class Balancer {
  target: RunningApp;
  /** Connections that are not closed. */
  readonly open = new Set<WebSocket>();
  /** The most that were open at a time. */
  most = 0;

  constructor(target: RunningApp) {
    this.target = target;
  }

  connect(): RealtimeClient {
    // Moves at the end of its window.
    const environment = { random: () => 0.99 };
    return new RealtimeClient(this.target.url, {
      WebSocket: this.socket(),
      token: 'token-ada',
      environment,
    });
  }

  /** A constructor of connections to where new ones go. */
  socket(): WebSocketConstructor {
    const note = (socket: WebSocket) => {
      this.open.add(socket);
      this.most = Math.max(this.most, this.open.size);
      socket.once('close', () => this.open.delete(socket));
    };
    const url = () => this.target.url;
    return class extends WebSocket {
      constructor(_url: string, protocols?: string[]) {
        super(url(), protocols);
        note(this);
      }
    };
  }
}

describe('a client of a node that goes away', () => {
  afterEach(closeApps);

  it('moves to the next without missing, repeating or noticing anything', async () => {
    const [first, second] = await startNodes();
    const balancer = new Balancer(first);
    const client = balancer.connect();
    const states: string[] = [];
    client.on('state', ({ state }) => states.push(state));
    const room = client.room(ROOM);
    const seen: unknown[] = [];
    let onSeen: () => void = () => undefined;
    room.on('tick', (payload) => {
      seen.push(payload);
      onSeen();
    });
    const gaps: unknown[] = [];
    room.on('gap', (gap) => gaps.push(gap));
    await room.subscribe();

    balancer.target = second;
    const left = first.close();
    const asked: unknown[] = [];
    const answers: unknown[] = [];
    let lastAnswer: Promise<void> | undefined;
    const ask = async (payload: number): Promise<void> => {
      asked.push(payload);
      answers.push(await client.request('echo', payload));
      lastAnswer = undefined;
    };
    let count = 0;
    const turn = () => new Promise<boolean>((resolve) => setImmediate(resolve, false));
    const hasLeft = left.then(() => true);
    while (!(await Promise.race([hasLeft, turn()]))) {
      await second.rooms.publish(ROOM, 'tick', (count += 1));
      lastAnswer ??= ask(count);
    }
    const all = Array.from({ length: count }, (_, n) => n + 1);
    await lastAnswer;
    expect(answers).toEqual(asked);
    // Until the client moves the first one answers, as if nothing was to come.
    const [before, after] = [first, second].map((app) => app.get(EchoGateway).handled);
    expect(before?.length).toBeGreaterThan(2);
    expect([...(before ?? []), ...(after ?? [])]).toEqual(asked);
    while (seen.length < count) await new Promise<void>((resolve) => (onSeen = resolve));
    expect(seen).toEqual(all);
    expect(gaps).toEqual([]);
    expect(states).toEqual(['connecting', 'connected']);
    expect(balancer.most).toBe(2);
    client.close();
  });
});

/** A page that asks one thing at a time, and what it has seen. */
class Witness {
  readonly states: string[] = [];
  readonly seen: unknown[] = [];
  readonly asked: unknown[] = [];
  readonly answers: unknown[] = [];
  isWaiting = false;

  constructor(readonly client: RealtimeClient) {
    client.on('state', ({ state }) => this.states.push(state));
  }

  async ask(payload: unknown): Promise<void> {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.asked.push(payload);
    this.answers.push(await this.client.request('echo', payload));
    this.isWaiting = false;
  }
}

describe('pages that share a connection to a node that goes away', () => {
  afterEach(closeApps);

  it('move to the next together without missing, repeating or noticing anything', async () => {
    const [first, second] = await startNodes();
    const balancer = new Balancer(first);
    const browser = new Browser();
    browser.random = 0.99;
    const open = () => {
      const { client } = browser.open({ token: 'token-ada' }, first.url, balancer.socket());
      const witness = new Witness(client);
      const room = client.room(ROOM);
      room.on('tick', (payload) => witness.seen.push(payload));
      room.on('gap', (gap) => witness.seen.push(gap));
      return witness;
    };
    const witnesses = [open(), open(), open()];
    await Promise.all(witnesses.map(({ client }) => client.room(ROOM).subscribe()));

    balancer.target = second;
    const left = first.close().then(() => true);
    let count = 0;
    const turn = () => new Promise<boolean>((resolve) => setImmediate(resolve, false));
    while (!(await Promise.race([left, turn()]))) {
      await second.rooms.publish(ROOM, 'tick', (count += 1));
      for (const [index, witness] of witnesses.entries()) {
        void witness.ask(`${String(index)}-${String(count)}`);
      }
    }
    await until(() => witnesses.every(({ isWaiting }) => !isWaiting));
    const all = Array.from({ length: count }, (_, n) => n + 1);
    await until(() => witnesses.every(({ seen }) => seen.length >= count));
    for (const { client, states, seen, answers, asked } of witnesses) {
      expect(seen).toEqual(all);
      expect(answers).toEqual(asked);
      expect(states).toEqual(['connecting', 'connected']);
      client.close();
    }
    const [before = [], after = []] = [first, second].map((app) => app.get(EchoGateway).handled);
    expect(before.length).toBeGreaterThan(6);
    expect(after.length).toBeGreaterThan(0);
    expect([...before, ...after].sort()).toEqual(witnesses.flatMap(({ asked }) => asked).sort());
    expect(balancer.most).toBe(2);
  });
});
