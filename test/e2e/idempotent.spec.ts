import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { of } from 'rxjs';

import {
  Idempotent,
  RealtimeError,
  RealtimeGateway,
  RealtimeModule,
  RequestSignal,
} from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import {
  closeApps,
  platforms,
  serverHasRead,
  startApp,
  type RunningApp,
} from '../support/nest-app.js';
import { deferred, type Deferred } from '../support/turns.js';

/** What was paid, and what the tests wait for. */
@Injectable()
class Ledger {
  ran: string[] = [];
  begun: Deferred<void> = deferred();
  go: Deferred<void> = deferred();
  aborted: Deferred<void> = deferred();

  reset(): void {
    this.ran = [];
    this.begun = deferred();
    this.go = deferred();
    this.aborted = deferred();
  }
}

@RealtimeGateway()
class PayGateway {
  constructor(private readonly ledger: Ledger) {}

  @Idempotent()
  @SubscribeMessage('pay')
  pay(@MessageBody() amount: unknown): object {
    this.ledger.ran.push('pay');
    return { paid: amount, nth: this.ledger.ran.length };
  }

  @SubscribeMessage('slow')
  @Idempotent()
  async slow(@RequestSignal() signal: AbortSignal): Promise<string> {
    this.ledger.ran.push('slow');
    this.ledger.begun.resolve();
    signal.addEventListener('abort', () => {
      this.ledger.aborted.resolve();
    });
    await Promise.race([
      this.ledger.go.promise,
      this.ledger.aborted.promise.then(() => Promise.reject(new Error('aborted'))),
    ]);
    return 'done';
  }

  @Idempotent()
  @SubscribeMessage('refuse')
  refuse(@MessageBody() code: string): never {
    this.ledger.ran.push('refuse');
    throw new RealtimeError(code, 'no money', { details: { short: 5 } });
  }

  @Idempotent()
  @SubscribeMessage('hidden-stream')
  hiddenStream(): unknown {
    return of(1, 2);
  }

  @SubscribeMessage('once')
  once(): void {
    this.ledger.ran.push('once');
  }
}

describe.each(platforms)('an @Idempotent() handler (%s)', (platform) => {
  let app: RunningApp;

  beforeAll(async () => {
    const options = { memory: { replies: { maxReplyBytes: 100 } } };
    app = await startApp({ platform, providers: [Ledger, PayGateway], options });
  });

  afterAll(closeApps);

  beforeEach(() => {
    app.get(Ledger).reset();
  });

  const clients: RawClient[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  /** A connection of a client instance. */
  async function come(clientKey: string, user = 'ada'): Promise<RawClient> {
    const client = await app.open();
    clients.push(client);
    client.send({ type: 'hello', token: `token-${user}`, clientKey });
    await client.next('connected');
    return client;
  }

  it('takes effect once, and gives every repeat the first reply', async () => {
    const key = `${platform}-repeat`;
    const first = await (await come(key)).request('7', 'pay', 5);
    expect(first).toEqual({ type: 'response', id: '7', payload: { paid: 5, nth: 1 } });
    for (let n = 0; n < 5; n += 1) {
      const client = await come(key);
      client.send({ type: 'request', id: '7', event: 'pay', payload: 5, retry: true });
      expect(await client.answer('7')).toEqual(first);
    }
    expect(app.get(Ledger).ran).toEqual(['pay']);
    const other = await come(key, 'bob');
    expect(await other.request('7', 'pay', 5)).toMatchObject({ payload: { nth: 2 } });
  });

  it('goes on when its connection breaks, and answers whoever comes back meanwhile', async () => {
    const key = `${platform}-broken`;
    const first = await come(key);
    first.send({ type: 'request', id: '1', event: 'slow' });
    await app.get(Ledger).begun.promise;
    first.socket.terminate();
    await first.closed;
    const second = await come(key);
    second.send({ type: 'request', id: '1', event: 'slow', retry: true });
    await serverHasRead(second);
    app.get(Ledger).go.resolve();
    expect(await second.answer('1')).toEqual({ type: 'response', id: '1', payload: 'done' });
    expect(app.get(Ledger).ran).toEqual(['slow']);
  });

  it('is aborted by a cancel, and may run again then', async () => {
    const key = `${platform}-cancel`;
    const client = await come(key);
    client.send({ type: 'request', id: '1', event: 'slow' });
    await app.get(Ledger).begun.promise;
    client.send({ type: 'cancel', id: '1' });
    expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'cancelled' });
    await app.get(Ledger).aborted.promise;
    app.get(Ledger).reset();
    app.get(Ledger).go.resolve();
    expect(await client.request('1', 'slow')).toMatchObject({ payload: 'done' });
  });

  it('gives an error again, but for one that says that nothing was done', async () => {
    const key = `${platform}-errors`;
    for (const [id, code, runs] of [
      ['1', 'conflict', 1],
      ['2', 'unavailable', 2],
    ] as const) {
      app.get(Ledger).reset();
      const first = await (await come(key)).request(id, 'refuse', code);
      expect(first).toMatchObject({ type: 'error', code, details: { short: 5 } });
      expect(await (await come(key)).request(id, 'refuse', code)).toEqual(first);
      expect(app.get(Ledger).ran).toHaveLength(runs);
    }
  });

  it('refuses the repeat whose reply was too large to be kept', async () => {
    const client = await come(`${platform}-large`);
    const payload = 'x'.repeat(100);
    expect(await client.request('1', 'pay', payload)).toMatchObject({ type: 'response' });
    expect(await client.request('1', 'pay', payload)).toMatchObject({ code: 'not-idempotent' });
    expect(app.get(Ledger).ran).toEqual(['pay']);
  });

  it('may not return a stream', async () => {
    const client = await come(`${platform}-stream`);
    expect(await client.request('1', 'hidden-stream')).toMatchObject({ code: 'internal' });
    expect(app.log.errors.join()).toContain('an idempotent handler returned a stream');
  });

  it('is what a retry needs: another handler is not run by one', async () => {
    const client = await come(`${platform}-once`);
    client.send({ type: 'request', id: '1', event: 'once', retry: true });
    expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'not-idempotent' });
    expect(app.get(Ledger).ran).toEqual([]);
  });
});

describe.each(platforms)('an application without credentials (%s)', (platform) => {
  afterAll(closeApps);

  it('takes effect once for a client that shows no credentials, and is another user each time', async () => {
    const app = await startApp({
      platform,
      realtime: RealtimeModule.forRoot(),
      providers: [Ledger, PayGateway],
    });
    const users = new Set<string>();
    const answers: unknown[] = [];
    for (const retry of [false, true]) {
      const client = await app.open();
      client.send({ type: 'hello', clientKey: 'no-name' });
      users.add((await client.next('connected')).user.id);
      client.send({ type: 'request', id: '1', event: 'pay', payload: 5, retry });
      answers.push(await client.answer('1'));
    }
    expect(users.size).toBe(2);
    const answer = { type: 'response', id: '1', payload: { paid: 5, nth: 1 } };
    expect(answers).toEqual([answer, answer]);
  });
});
