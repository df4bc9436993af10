import { Injectable, UseInterceptors, type NestInterceptor } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SubscribeMessage } from '@nestjs/websockets';
import { finalize, map, Subject, type Observable } from 'rxjs';

import { RealtimeGateway } from '../../lib/index.js';
import type { RawClient } from '../../lib/testing/index.js';
import {
  closeApps,
  platforms,
  serverHasRead,
  startApp,
  type RunningApp,
} from '../support/nest-app.js';
import { deferred, type Deferred } from '../support/turns.js';

/** What the sources of a test have made. */
@Injectable()
class Sources {
  made = 0;
  subject = new Subject<unknown>();
  stopped: Deferred<void> = deferred();
  ended: Deferred<void> = deferred();

  reset(): void {
    this.made = 0;
    this.subject = new Subject();
    this.stopped = deferred();
    this.ended = deferred();
  }
}

class Doubled implements NestInterceptor {
  intercept(_: unknown, next: { handle(): Observable<unknown> }): Observable<unknown> {
    return next.handle().pipe(map((item) => [item, item]));
  }
}

@RealtimeGateway()
class FeedGateway {
  constructor(private readonly sources: Sources) {}

  @SubscribeMessage('count')
  async *count(): AsyncGenerator<number> {
    try {
      for (;;) yield await Promise.resolve((this.sources.made += 1));
    } finally {
      this.sources.ended.resolve();
    }
  }

  @SubscribeMessage('feed')
  feed(): Observable<unknown> {
    return this.sources.subject.pipe(
      finalize(() => {
        this.sources.stopped.resolve();
      }),
    );
  }

  @SubscribeMessage('doubled')
  @UseInterceptors(Doubled)
  doubled(): Observable<unknown> {
    return this.feed();
  }
}

describe.each(platforms)('a stream with credit (%s)', (platform) => {
  let app: RunningApp;
  let client: RawClient;
  let sources: Sources;

  beforeAll(async () => {
    const options = { limits: { streamBufferBytes: 2_000 } };
    app = await startApp({ platform, providers: [Sources, FeedGateway], options });
  });

  afterAll(closeApps);

  beforeEach(async () => {
    sources = app.get(Sources);
    sources.reset();
    client = await app.connect();
  });

  afterEach(async () => {
    await client.close();
  });

  async function items(count: number): Promise<unknown[]> {
    const payloads: unknown[] = [];
    while (payloads.length < count) payloads.push((await client.next('next')).payload);
    return payloads;
  }

  it('stops its generator at the credit’s end, and goes on with more', async () => {
    client.send({ type: 'request', id: '1', event: 'count', credit: 3 });
    expect(await items(3)).toEqual([1, 2, 3]);
    await serverHasRead(client);
    expect([sources.made, client.unread]).toEqual([3, []]);
    client.send({ type: 'credit', id: '1', count: 2 });
    expect(await items(2)).toEqual([4, 5]);
    await serverHasRead(client);
    expect([sources.made, client.unread]).toEqual([5, []]);
    client.send({ type: 'cancel', id: '1' });
    expect(await client.answer('1')).toMatchObject({ code: 'cancelled' });
    await sources.ended.promise;
  });

  it.each(['feed', 'doubled'])('keeps what an Observable makes meanwhile (%s)', async (event) => {
    const told = (item: number): unknown => (event === 'feed' ? item : [item, item]);
    client.send({ type: 'request', id: '1', event, credit: 1 });
    await serverHasRead(client);
    for (const item of [1, 2, 3]) sources.subject.next(item);
    sources.subject.complete();
    expect(await items(1)).toEqual([told(1)]);
    await serverHasRead(client);
    expect(client.unread).toEqual([]);
    client.send({ type: 'credit', id: '1', count: 10 });
    expect(await items(2)).toEqual([told(2), told(3)]);
    expect(await client.answer('1')).toEqual({ type: 'complete', id: '1' });
  });

  it('ends with stream-overflow when an Observable makes more than is kept', async () => {
    client.send({ type: 'request', id: '1', event: 'feed', credit: 1 });
    await serverHasRead(client);
    for (let n = 0; n < 100; n += 1) sources.subject.next('x'.repeat(100));
    expect(await items(1)).toHaveLength(1);
    expect(await client.answer('1')).toMatchObject({ type: 'error', code: 'stream-overflow' });
    await sources.stopped.promise;
    expect(sources.subject.observed).toBe(false);
  });

  it('has no such bound where the request says none', async () => {
    client.send({ type: 'request', id: '1', event: 'feed' });
    await serverHasRead(client);
    for (let n = 0; n < 100; n += 1) sources.subject.next(n);
    sources.subject.complete();
    expect(await items(100)).toHaveLength(100);
    expect(await client.answer('1')).toMatchObject({ type: 'complete' });
  });

  it.each([0, 10_001, 1.5, '1'])('is refused for a credit of %j', async (credit) => {
    const request = { type: 'request', id: '1', event: 'count', credit };
    client.sendText(JSON.stringify(request));
    expect(await client.answer('1')).toMatchObject({ code: 'invalid-field' });
    client.sendText(JSON.stringify({ type: 'credit', id: '2', count: credit }));
    // Without an id: with it, it would be the answer of the request whose stream this is.
    const refused = await client.next('error');
    expect(refused).toMatchObject({ code: 'invalid-field' });
    expect(refused).not.toHaveProperty('id');
    expect(sources.made).toBe(0);
  });
});
