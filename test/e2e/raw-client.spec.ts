/** The test kit as its users see it: `nestjs-realtime/testing`. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { Observable, of } from 'rxjs';

import { RealtimeGateway } from '../../lib/index.js';
import { ManualClock, RawClient } from '../../lib/testing/index.js';
import { startApp, type RunningApp } from '../support/nest-app.js';

@RealtimeGateway()
class KitGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @SubscribeMessage('count')
  count(): Observable<number> {
    return of(1, 2);
  }
}

describe('RawClient', () => {
  let app: RunningApp;
  let client: RawClient;

  beforeAll(async () => {
    app = await startApp({ providers: [KitGateway] });
  });

  afterEach(async () => {
    client.socket.terminate();
    await client.closed;
  });

  afterAll(async () => {
    await app.close();
  });

  it('connects, says hello with the token, and has read connected', async () => {
    client = await RawClient.connect(app.url, 'token-ada');
    expect(client.unread).toEqual([]);
    expect(await client.request('1', 'echo', 'x')).toMatchObject({ payload: 'x' });
  });

  it('rejects when it is closed instead of being connected', async () => {
    client = await app.open();
    await expect(RawClient.connect(app.url, 'wrong')).rejects.toThrow('4401');
    await expect(RawClient.connect(app.url)).rejects.toThrow('4401');
  });

  it('opens without saying anything', async () => {
    client = await app.open();
    client.send({ type: 'hello', token: 'token-ada' });
    expect(await client.nextFrame()).toMatchObject({ type: 'connected', user: { id: 'ada' } });
  });

  it('rejects when the handshake is refused, with its HTTP status', async () => {
    client = await app.open();
    await expect(RawClient.open(`${app.url}/other`)).rejects.toThrow('404');
  });

  it('rejects when nobody listens', async () => {
    client = await app.open();
    await expect(RawClient.open('ws://127.0.0.1:1/realtime')).rejects.toThrow('ECONNREFUSED');
  });

  it('opens a plain connection when no subprotocol is offered', async () => {
    client = await app.open({
      protocols: [],
      socket: { headers: { authorization: 'Bearer token-ada' } },
    });
    expect(client.socket.protocol).toBe('');
    await client.next('connected');
  });

  it('keeps frames until somebody asks for them', async () => {
    client = await app.connect();
    client.send({ type: 'ping', id: '1' });
    client.send({ type: 'ping', id: '2' });
    await client.request('3', 'echo');
    expect(client.unread).toEqual([
      { type: 'pong', id: '1' },
      { type: 'pong', id: '2' },
    ]);
    expect(await client.next('pong')).toEqual({ type: 'pong', id: '1' });
    expect(client.unread).toHaveLength(1);
  });

  it('gives each frame to one call, in the order of the calls', async () => {
    client = await app.connect();
    const pongs = [client.next('pong'), client.next('pong')];
    client.send({ type: 'ping', id: '1' });
    client.send({ type: 'ping', id: '2' });
    expect((await Promise.all(pongs)).map(({ id }) => id)).toEqual(['1', '2']);
    expect(client.unread).toEqual([]);
  });

  it('leaves frames of other types for later calls', async () => {
    client = await app.connect();
    client.send({ type: 'ping', id: '1' });
    expect(await client.request('2', 'echo', 'x')).toMatchObject({ payload: 'x' });
    expect(await client.nextFrame()).toEqual({ type: 'pong', id: '1' });
  });

  it('takes the end of a stream for its answer, and keeps the items', async () => {
    client = await app.connect();
    expect(await client.request('1', 'count')).toEqual({ type: 'complete', id: '1' });
    expect((await client.next('next')).payload).toBe(1);
    expect((await client.next('next')).payload).toBe(2);
  });

  it('sends text that is no frame as it is', async () => {
    client = await app.connect();
    client.sendText('nonsense');
    expect(await client.next('error')).toMatchObject({ code: 'bad-frame' });
    expect(await client.closed).toMatchObject({ code: 4400 });
  });

  it('rejects what waits when the connection ends, and what asks afterwards', async () => {
    client = await app.connect();
    const waiting = client.next('message');
    await app.rooms.disconnectUser('ada', { code: 4001, reason: 'over' });
    await expect(waiting).rejects.toThrow('connection closed with 4001 over');
    await expect(client.next('message')).rejects.toThrow('connection is closed');
  });

  it('gives what came before the end even afterwards', async () => {
    client = await app.connect();
    await app.rooms.toUser('ada', 'last');
    await app.rooms.disconnectUser('ada');
    await client.closed;
    expect(await client.next('message')).toMatchObject({ event: 'last' });
  });

  it('says goodbye with 1000 and tells how the connection ended', async () => {
    client = await app.connect();
    expect(await client.close()).toMatchObject({ code: 1000 });
  });
});

describe('ManualClock', () => {
  it('stands still until it is moved', () => {
    const clock = new ManualClock(1_000);
    expect(clock.now()).toBe(1_000);
    clock.advance(250);
    expect(clock.now()).toBe(1_250);
  });

  it('runs what falls due on the way, in order of time and then of the calls', () => {
    const clock = new ManualClock(0);
    const ran: [string, number][] = [];
    const note = (name: string) => () => {
      ran.push([name, clock.now()]);
    };
    clock.after(20, note('late'));
    clock.after(10, note('first'));
    clock.after(10, note('second'));
    clock.after(31, note('not yet'));
    clock.advance(30);
    expect(ran).toEqual([
      ['first', 10],
      ['second', 10],
      ['late', 20],
    ]);
    expect(clock.waiting).toBe(1);
  });

  it('runs what is set by what runs, if it falls due as well', () => {
    const clock = new ManualClock(0);
    const ran: number[] = [];
    clock.after(10, () => {
      clock.after(5, () => ran.push(clock.now()));
    });
    clock.advance(15);
    expect(ran).toEqual([15]);
  });

  it('never runs what was cancelled', () => {
    const clock = new ManualClock(0);
    const cancel = clock.after(10, () => {
      throw new Error('cancelled');
    });
    cancel();
    cancel();
    clock.advance(10);
    expect(clock.waiting).toBe(0);
  });
});
