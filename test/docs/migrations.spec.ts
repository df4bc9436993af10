/** What the pages about migrations show is run against a server, with the URL that it has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import * as React from 'react';
import type { FunctionComponent } from 'react';
import ts from 'typescript';
import { WebSocket } from 'ws';

import { RealtimeClient, type RealtimeClientOptions } from '../../lib/client/index.js';
import { RealtimeGateway, RealtimeRoom, RoomService, type RoomPolicy } from '../../lib/index.js';
import * as hooks from '../../lib/react/index.js';
import { root } from '../architecture/sources.js';
import { Stage } from '../react/support/stage.js';
import { closeApps, startApp, type RunningApp } from '../support/nest-app.js';
import { codeBlocks } from './code-blocks.js';

@RealtimeGateway()
class ChatGateway {
  constructor(private readonly rooms: RoomService) {}

  @SubscribeMessage('send')
  async send(@MessageBody() { room, text }: { room: string; text: string }): Promise<unknown> {
    await this.rooms.publish(`chat/${room}`, 'message', { text, from: 'Ada' });
    return { id: '7' };
  }

  @SubscribeMessage('chat.send')
  async say(@MessageBody() { text }: { text: string }): Promise<void> {
    await this.rooms.publish('chat/general', 'chat.message', text);
  }
}

class OpenRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

@RealtimeRoom('chat/:room')
class ChatRooms extends OpenRooms {}

@RealtimeRoom('scores')
class ScoreRooms extends OpenRooms {}

let app: RunningApp;
const clients: RealtimeClient[] = [];

beforeAll(async () => {
  app = await startApp({ providers: [ChatGateway, ChatRooms, ScoreRooms] });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(closeApps);

/** Goes to the test's server, as if that were the one of the page. */
class ClientOfExample extends RealtimeClient {
  constructor(_url: string, options: RealtimeClientOptions) {
    super(app.url, { ...options, token: 'token-ada', WebSocket });
    clients.push(this);
  }
}

/** The same, with the credentials that the page gives. */
class ClientOfApp extends RealtimeClient {
  constructor(_url: string, options: RealtimeClientOptions) {
    super(app.url, { ...options, WebSocket });
    clients.push(this);
  }
}

/** What a line of the page's console says, and the wait for it. */
class ExampleConsole {
  readonly #lines: string[] = [];
  #onLine: () => void = () => undefined;

  readonly log = (line: string): void => {
    this.#lines.push(line);
    this.#onLine();
  };

  async says(line: string): Promise<void> {
    while (!this.#lines.includes(line)) await new Promise<void>((go) => (this.#onLine = go));
  }
}

/** What the example of a page does, as JavaScript without its imports. */
function codeOf(page: string): string {
  const path = join('docs/guide', page);
  const [block] = codeBlocks(path, readFileSync(join(root, path), 'utf8'));
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    jsx: ts.JsxEmit.React,
  };
  const { outputText } = ts.transpileModule(block?.code ?? '', { compilerOptions });
  return outputText.replace(/^import .*$/gm, '');
}

/** Runs the example of a page. */
async function run(page: string): Promise<ExampleConsole> {
  const console = new ExampleConsole();
  // The page's own words, as an async function's.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  await new Function('RealtimeClient', 'console', `return (async () => {${codeOf(page)}})()`)(
    ClientOfExample,
    console,
  );
  return console;
}

/** The component that the example of a page exports. */
function componentOf(page: string): FunctionComponent<{ readonly token: string }> {
  const code = codeOf(page).replace('export function App', 'return App; function App');
  const parts = { React, ...hooks, useState: React.useState, RealtimeClient: ClientOfApp };
  // The page's own words, as those of a module.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const make = new Function(...Object.keys(parts), code) as (...all: unknown[]) => unknown;
  return make(...Object.values(parts)) as FunctionComponent<{ readonly token: string }>;
}

describe('the pages about migrations', () => {
  it('show what Socket.IO did', async () => {
    const console = await run('migration-socket-io.md');
    await console.says('sent as 7');
    await console.says('Ada: hi');
  });

  it('show what reconnecting-websocket did', async () => {
    const console = await run('migration-reconnecting-websocket.md');
    const [client] = clients;
    await client?.room('scores').subscribe();
    await app.rooms.publish('scores', 'score', { player: 'Ada', score: 3 });
    await expect(console.says('Ada: 3')).resolves.toBeUndefined();
  });
});

describe('the page about a hook of your own', () => {
  const stage = new Stage();

  const button = (text: string): HTMLButtonElement | undefined =>
    [...stage.container.querySelectorAll('button')].find((each) => each.textContent === text);

  /** Lets React and the server go on until the page shows it. */
  async function shows(condition: () => boolean): Promise<void> {
    while (!condition()) await stage.do(() => new Promise((go) => setImmediate(go)));
  }

  it('shows what that did', async () => {
    const token = 'token-ada';
    await stage.show(React.createElement(componentOf('migration-hook.md'), { token }));
    expect(button('Say hi')?.disabled).toBe(true);
    await shows(() => button('Say hi')?.disabled === false);
    // Strict mode renders twice, and each time makes a client: one of them is used.
    const client = clients.find(({ state }) => state === 'connected');
    await stage.do(() => client?.room('chat/general').subscribe());
    await stage.do(() => button('Say hi')?.click());
    await shows(() => stage.text === 'Say hiLeavehi');
    await stage.do(() => button('Leave')?.click());
    await shows(() => button('Say hi')?.disabled === true);
    expect(client?.state).toBe('closed');
  });
});
