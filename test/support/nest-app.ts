/** Applications of the tests of the Nest binding: real sockets, on Express and on Fastify. */
import type { Server } from 'node:http';
import { runInThisContext } from 'node:vm';

import type {
  DynamicModule,
  INestApplication,
  LoggerService,
  ModuleMetadata,
  Provider,
  Type,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

import { RealtimeModule, RoomService, type RealtimeModuleOptions } from '../../lib/index.js';
import { listen, RawClient, type RawClientOptions } from '../../lib/testing/index.js';

/** What applications run on. */
export type Platform = 'express' | 'fastify';

/** Every feature of an application is tested on each. */
export const platforms: readonly Platform[] = ['express', 'fastify'];

/** What was logged. */
export class NestLog implements LoggerService {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  log(...parts: unknown[]): void {
    this.#note(parts);
  }

  warn(...parts: unknown[]): void {
    this.warnings.push(this.#note(parts));
  }

  error(...parts: unknown[]): void {
    this.errors.push(this.#note(parts));
  }

  /** Lines that hold the text. */
  linesWith(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }

  #note(parts: unknown[]): string {
    const line = parts.map(String).join(' ');
    this.lines.push(line);
    return line;
  }
}

/** `token-<name>` is a good token of the user `<name>`. */
export const verifyByName: NonNullable<NonNullable<RealtimeModuleOptions['auth']>['verify']> = (
  token,
) => {
  const name = /^token-([\w:-]+)$/.exec(token)?.[1];
  return name === undefined ? undefined : { id: name, name: name.toUpperCase() };
};

/** How an application under test differs from the usual one. */
export interface AppSetup {
  /** Default: Express. */
  readonly platform?: Platform;
  /** Options of `forRoot()` besides `auth`, which lets `token-<name>` in. */
  readonly options?: RealtimeModuleOptions;
  /** Instead of `RealtimeModule.forRoot(options)`. */
  readonly realtime?: DynamicModule;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly providers?: readonly Provider[];
  /** Parts of the module that are replaced, by their tokens. */
  readonly overrides?: ReadonlyMap<symbol | Type, unknown>;
  /** What `main.ts` would do before `listen()`. */
  readonly prepare?: (app: INestApplication) => void;
  /** The module's path. Default `/realtime`. */
  readonly path?: string;
}

const open = new Set<INestApplication>();

/** An application that listens. */
export class RunningApp {
  constructor(
    readonly app: INestApplication,
    readonly url: string,
    readonly log: NestLog,
  ) {}

  get rooms(): RoomService {
    return this.app.get(RoomService);
  }

  get server(): Server {
    return this.app.getHttpServer() as Server;
  }

  /** A provider of the application. */
  get<T>(type: Type<T>): T {
    return this.app.get(type);
  }

  /** A client that was let in. */
  connect(token = 'token-ada', options: RawClientOptions = {}): Promise<RawClient> {
    return RawClient.connect(this.url, token, options);
  }

  /** A client that has said nothing yet. */
  open(options: RawClientOptions = {}): Promise<RawClient> {
    return RawClient.open(this.url, options);
  }

  async close(): Promise<void> {
    open.delete(this.app);
    await this.app.close();
  }
}

/** Makes an application that was not started. */
export async function createApp(
  setup: AppSetup = {},
  log: NestLog = new NestLog(),
): Promise<INestApplication> {
  const { platform = 'express', imports = [], providers = [], prepare } = setup;
  const options = { auth: { verify: verifyByName }, ...setup.options };
  const builder = Test.createTestingModule({
    imports: [setup.realtime ?? RealtimeModule.forRoot(options), ...imports],
    providers: [...providers],
  }).setLogger(log);
  for (const [token, value] of setup.overrides ?? [])
    builder.overrideProvider(token).useValue(value);
  const module = await builder.compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = module.createNestApplication(adapter);
  prepare?.(app);
  open.add(app);
  return app;
}

/** Makes an application and has it listen on a free port. */
export async function startApp(setup: AppSetup = {}): Promise<RunningApp> {
  const log = new NestLog();
  const app = await createApp(setup, log);
  return new RunningApp(app, await listen(app, setup.path), log);
}

/** Closes what a test has left open. */
export async function closeApps(): Promise<void> {
  const apps = [...open];
  open.clear();
  await Promise.all(apps.map((app) => app.close()));
}

/** The HTTP status a handshake was refused with. */
export async function refusal(url: string, options?: RawClientOptions): Promise<number> {
  const error = await RawClient.open(url, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const status = /Unexpected server response: (\d+)/.exec(String(error))?.[1];
  if (status === undefined) throw new Error(`expected a refusal, got ${String(error)}`);
  return Number(status);
}

/** What would have ended the process. */
export interface ProcessWatch {
  readonly fatal: unknown[];
  /** Waits until what was thrown by now would have come up. */
  settle(): Promise<void>;
  stop(): void;
}

/**
 * Listens for what ends a process: uncaught exceptions and unhandled rejections. Jest gives tests a
 * copy of `process` that hears nothing, so the real one is asked.
 */
export function watchProcess(): ProcessWatch {
  const real = runInThisContext('process') as NodeJS.Process;
  const fatal: unknown[] = [];
  const note = (error: unknown): void => {
    fatal.push(error);
  };
  real.on('uncaughtException', note);
  real.on('unhandledRejection', note);
  return {
    fatal,
    // RxJS throws what a subscriber has thrown in a timer of its own.
    settle: () => new Promise((resolve) => setTimeout(resolve, 20)),
    stop: () => {
      real.off('uncaughtException', note);
      real.off('unhandledRejection', note);
    },
  };
}

/** Settles when the server has read everything that the client has sent so far. */
export function serverHasRead({ socket }: RawClient): Promise<void> {
  return new Promise((resolve) => {
    socket.once('pong', () => {
      resolve();
    });
    // Answered by the server's WebSocket layer, in order, whatever the state of the connection.
    socket.ping();
  });
}
