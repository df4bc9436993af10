/** What the pages about migrations show is run against a server, with the URL that it has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MessageBody, SubscribeMessage } from '@nestjs/websockets';
import ts from 'typescript';
import { WebSocket } from 'ws';

import { RealtimeClient, type RealtimeClientOptions } from '../../lib/client/index.js';
import { RealtimeGateway, RealtimeRoom, RoomService, type RoomPolicy } from '../../lib/index.js';
import { root } from '../architecture/sources.js';
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

/** Runs the example of a page. */
async function run(page: string): Promise<ExampleConsole> {
  const path = join('docs/guide', page);
  const [block] = codeBlocks(path, readFileSync(join(root, path), 'utf8'));
  const { outputText } = ts.transpileModule(block?.code ?? '', {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const code = outputText.replace(/^import .*$/gm, '');
  const console = new ExampleConsole();
  // The page's own words, as an async function's.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call
  await new Function('RealtimeClient', 'console', `return (async () => {${code}})()`)(
    ClientOfExample,
    console,
  );
  return console;
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
