/** A page with nothing but the SDK, from its sources, and a server for it on the same origin. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import ts from 'typescript';

import {
  Idempotent,
  RealtimeGateway,
  RealtimeRoom,
  type RealtimeModuleOptions,
  type RoomPolicy,
} from '../../../lib/index.js';
import { startApp, type RunningApp } from '../../support/nest-app.js';

/** What the page offers to its tests, as `window.page`. */
export interface SdkPage {
  readonly seen: number[];
  readonly states: string[];
  readonly gaps: number;
  readonly restored: number;
  /** Codes with which requests of earlier pages have failed. */
  readonly lost: string[];
  readonly sockets: WebSocket[];
  /** A value that is another one in each document. */
  readonly document: number;
  readonly start: (how?: {
    readonly sharesTabs?: boolean;
    readonly rooms?: number;
    readonly minDelayMs?: number;
  }) => Promise<void>;
  readonly startOutbox: (sharesTabs?: boolean) => Promise<void>;
  /** Asks through the outbox; resolves when it is kept. */
  readonly pay: (from: number, to: number) => void;
  readonly left: () => number;
  /** Sends so many bytes in one request; resolves with how many the handler got. */
  readonly upload: (bytes: number) => Promise<number>;
  /** Sends bytes; resolves with those that came back. */
  readonly reverse: (bytes: readonly number[]) => Promise<number[]>;
  /** How many of them are on the disk, as who opens the outbox next will find them. */
  readonly kept: () => Promise<number>;
}

const PAGE = `<!doctype html><meta charset="utf-8"><title>SDK</title><script type="module">
import { binaryJson, openOutbox, RealtimeClient, shareTabs } from '/lib/client/index.js';
const url = location.origin.replace('http', 'ws') + '/realtime';
const sockets = [];
class Socket extends WebSocket {
  constructor(...args) { super(...args); sockets.push(this); }
}
const page = { seen: [], states: [], gaps: 0, restored: 0, lost: [], sockets, document: Math.random() };
page.start = async ({ sharesTabs = false, rooms = 1, minDelayMs = 100 } = {}) => {
  globalThis.WebSocket = Socket;
  const client = new RealtimeClient(url, {
    token: 'token-ada',
    reconnect: { minDelayMs, stableAfterMs: 0 },
    ...(sharesTabs && { WebSocket: shareTabs({ name: 'ada' }) }),
  });
  client.on('state', ({ state }) => page.states.push(state));
  client.on('error', () => undefined);
  for (let n = 0; n < rooms; n += 1) {
    const room = client.room('ticks/' + n);
    room.on('tick', (payload) => page.seen.push(payload));
    room.on('gap', () => (page.gaps += 1));
    await room.subscribe();
  }
  page.client = client;
  page.upload = (bytes) => client.request('upload', 'x'.repeat(bytes), { timeoutMs: 25_000 });
};
page.reverse = async (bytes) => {
  const client = new RealtimeClient(url, { token: 'token-ada', json: binaryJson });
  const reversed = await client.request('reverse', Uint8Array.from(bytes));
  client.close();
  return [...reversed];
};
page.startOutbox = async (sharesTabs = false) => {
  globalThis.WebSocket = Socket;
  const onRestored = ({ error }) => {
    page.restored += 1;
    if (error) page.lost.push(error.code);
  };
  const outbox = await openOutbox({ name: 'ada', onRestored });
  const client = new RealtimeClient(url, {
    token: 'token-ada',
    identity: outbox.identity,
    ...(sharesTabs && { WebSocket: shareTabs({ name: 'ada' }) }),
  });
  const durable = outbox.attach(client);
  page.pay = (from, to) => {
    for (let n = from; n <= to; n += 1) durable.request('pay', n).catch(() => undefined);
  };
  page.left = () => outbox.size;
  page.kept = async () => {
    const result = (request) => new Promise((go) => (request.onsuccess = () => go(request.result)));
    const disk = await result(indexedDB.open('realtime-outbox:ada'));
    const count = await result(disk.transaction('entries').objectStore('entries').count());
    disk.close();
    return count;
  };
  page.client = client;
};
globalThis.page = page;
</script>`;

/** What was paid, in order. */
export const payments: number[] = [];

/** Takes payments; those from a certain one on wait while it is closed, and answers while they are held back. */
export class Till {
  /** What answers wait for. */
  answers = Promise.resolve();
  #opened = Promise.resolve();
  #open: () => void = () => undefined;
  #first = Infinity;

  closeFrom(first: number): void {
    this.#first = first;
    this.#opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#first = Infinity;
    this.#open();
  }

  async take(payment: number): Promise<void> {
    if (payment >= this.#first) await this.#opened;
    payments.push(payment);
    await this.answers;
  }
}

export const till = new Till();

@RealtimeGateway()
class PayGateway {
  @Idempotent()
  @SubscribeMessage('pay')
  async pay(@MessageBody() payload: number): Promise<number> {
    await till.take(payload);
    return payload;
  }

  @SubscribeMessage('reverse')
  reverse(@MessageBody() payload: Buffer): Buffer {
    return Buffer.from(payload).reverse();
  }

  @SubscribeMessage('upload')
  upload(@MessageBody() payload: string): number {
    return payload.length;
  }
}

@RealtimeRoom('ticks/:room', { history: { size: 5_000, ttlMs: 300_000 } })
class TickRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

/** The SDK's modules as scripts, by name. */
const scripts = new Map<string, Promise<string>>();

async function transpile(source: string): Promise<string> {
  const text = await readFile(new URL(`../../../lib/${source}.ts`, import.meta.url), 'utf8');
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const source = /^\/lib\/((?:client|protocol)\/[\w-]+)\.js$/.exec(pathname)?.[1];
  if (source !== undefined) {
    const script = scripts.get(source) ?? transpile(source);
    scripts.set(source, script);
    response.setHeader('content-type', 'text/javascript');
    response.end(await script);
  } else if (pathname === '/page' || pathname === '/elsewhere') {
    response.setHeader('content-type', 'text/html');
    response.end(pathname === '/page' ? PAGE : '<!doctype html><title>Elsewhere</title>');
  } else return false;
  return true;
}

/** Starts the server of the page. */
export function startSdkApp(
  options: Pick<RealtimeModuleOptions, 'heartbeat' | 'limits'> = {},
): Promise<RunningApp> {
  const limits = { attemptsPerSecond: 10_000, attemptBurst: 20_000, ...options.limits };
  return startApp({
    providers: [PayGateway, TickRooms],
    options: { ...options, limits },
    prepare: (app) => {
      app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        void serve(request, response).then((isDone) => {
          if (!isDone) next();
        });
      });
    },
  });
}

/** A browser that keeps pages that are left, as those of users do. */
export function launchKeepingBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-sync'],
  });
}

/** Opens the page in a window of a context. */
export async function openSdkPage(context: BrowserContext, origin: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${origin}/page`);
  await page.waitForFunction(() => 'page' in globalThis);
  return page;
}
