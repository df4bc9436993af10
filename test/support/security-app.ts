/** The application behind the door in the tests of `test/security` and `test/auth`. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { INestApplication, LoggerService, Provider, Type } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { ConnectedSocket, MessageBody, SubscribeMessage } from '@nestjs/websockets';

import { RealtimeNode } from '../../lib/core/index.js';
import {
  CurrentUser,
  Public,
  REALTIME_CLOCK,
  RealtimeConnection,
  RealtimeGateway,
  RealtimeModule,
  RealtimeRoom,
  RoomService,
  SessionService,
  type RealtimeModuleOptions,
  type RealtimeUser,
  type RoomPolicy,
} from '../../lib/index.js';
import { listen, ManualClock, RawClient, type RawClientOptions } from '../../lib/testing/index.js';

/** What was logged, by level. */
export class LogBook implements LoggerService {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  readonly all: string[] = [];
  #written: (() => void)[] = [];

  log(...parts: unknown[]): void {
    this.#note(parts);
  }

  warn(...parts: unknown[]): void {
    this.warnings.push(this.#note(parts));
  }

  error(...parts: unknown[]): void {
    this.errors.push(this.#note(parts));
    for (const resolve of this.#written.splice(0)) resolve();
  }

  /** Settles when another error was logged. */
  nextError(): Promise<void> {
    return new Promise((resolve) => this.#written.push(resolve));
  }

  #note(parts: unknown[]): string {
    const line = parts.map(String).join(' ');
    this.all.push(line);
    return line;
  }
}

/** A promise that a test settles. */
export class Gate<T = void> {
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** Who may be in `granted/…`, and how long the answer takes. */
@Injectable()
export class Grants {
  readonly users = new Set<string>();
  /** Held: an answer is found at once, but given only when the gate opens. */
  held: Gate | undefined;
  readonly asked: string[] = [];
  #askedNext: (() => void)[] = [];

  /** Settles when the policy is asked for the next time. */
  nextAsk(): Promise<void> {
    return new Promise((resolve) => this.#askedNext.push(resolve));
  }

  async has(user: RealtimeUser): Promise<boolean> {
    const answer = this.users.has(user.id);
    this.asked.push(user.id);
    for (const resolve of this.#askedNext.splice(0)) resolve();
    await this.held?.promise;
    return answer;
  }
}

@RealtimeGateway()
export class DoorGateway {
  /** Events that reached a handler, in order. */
  readonly reached: string[] = [];
  readonly clients = new Set<RealtimeConnection>();
  #left: (() => void)[] = [];

  handleConnection(client: RealtimeConnection): void {
    this.clients.add(client);
  }

  handleDisconnect(client: RealtimeConnection): void {
    this.clients.delete(client);
    for (const resolve of this.#left.splice(0)) resolve();
  }

  /** Settles when so many clients are left. */
  async left(count: number): Promise<void> {
    while (this.clients.size > count)
      await new Promise<void>((resolve) => this.#left.push(resolve));
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    this.reached.push('echo');
    return payload;
  }

  @SubscribeMessage('whoami')
  whoAmI(@CurrentUser() user: RealtimeUser, @ConnectedSocket() client: RealtimeConnection) {
    this.reached.push('whoami');
    return { id: user.id, url: client.url, isAnonymous: client.isAnonymous, ip: client.ip };
  }

  @SubscribeMessage('fail')
  fail(@MessageBody() text: unknown): never {
    this.reached.push('fail');
    throw new Error(String(text));
  }

  @Public()
  @SubscribeMessage('public')
  public(): string {
    this.reached.push('public');
    return 'everyone';
  }
}

/** Rooms that let everyone in and take any `note`. */
@RealtimeRoom('open/*', { events: { note: true } })
export class OpenRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }

  canPublish(): boolean {
    return true;
  }
}

/** Rooms for those who have been granted them. */
@RealtimeRoom('granted/:room', { events: { note: true } })
export class GrantedRooms implements RoomPolicy {
  constructor(private readonly grants: Grants) {}

  canSubscribe(user: RealtimeUser): Promise<boolean> {
    return this.grants.has(user);
  }

  canPublish(user: RealtimeUser): Promise<boolean> {
    return this.grants.has(user);
  }
}

/** Rooms for everyone, also without a token. */
@Public()
@RealtimeRoom('public/:room')
export class PublicRooms implements RoomPolicy {
  canSubscribe(): boolean {
    return true;
  }
}

/** How an app under test differs from the usual one. */
export interface DoorSetup {
  readonly options?: RealtimeModuleOptions;
  readonly providers?: readonly Provider[];
  readonly controllers?: readonly Type[];
  /** Time that stands still until the test moves it. */
  readonly clock?: ManualClock;
  readonly override?: (builder: TestingModuleBuilder) => TestingModuleBuilder;
  readonly httpsOptions?: { readonly key: string; readonly cert: string };
}

/** `token-<name>` is a good token of that user. */
export const nameVerify = (token: string): RealtimeUser | undefined => {
  const name = /^token-([\w:-]+)$/.exec(token)?.[1];
  return name === undefined ? undefined : { id: name };
};

/** A running application. */
export class Door {
  readonly #sockets = new Set<Socket>();
  #latest: Socket | undefined;
  #accepted = 0;
  #waiting: (() => void)[] = [];

  private constructor(
    readonly app: INestApplication,
    readonly url: string,
    readonly logs: LogBook,
  ) {
    this.httpServer.on('connection', (socket: Socket) => {
      this.#latest = socket;
      this.#accepted += 1;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  static async open(setup: DoorSetup = {}): Promise<Door> {
    const logs = new LogBook();
    const { providers = [], controllers = [], clock, override = (builder) => builder } = setup;
    const options = { auth: { verify: nameVerify }, ...setup.options };
    let builder = Test.createTestingModule({
      imports: [RealtimeModule.forRoot(options)],
      controllers: [...controllers],
      providers: [DoorGateway, OpenRooms, GrantedRooms, PublicRooms, Grants, ...providers],
    }).setLogger(logs);
    if (clock !== undefined) builder = builder.overrideProvider(REALTIME_CLOCK).useValue(clock);
    const module = await override(builder).compile();
    const { httpsOptions } = setup;
    const app = module.createNestApplication(httpsOptions === undefined ? {} : { httpsOptions });
    return new Door(app, await listen(app), logs);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get httpServer(): Server {
    return this.app.getHttpServer() as Server;
  }

  /** The server's end of the TCP connection that was opened last. */
  get latestSocket(): Socket {
    if (this.#latest === undefined) throw new Error('expected a connection');
    return this.#latest;
  }

  /** Settles when the server has taken so many TCP connections in all. */
  async accepted(count: number): Promise<void> {
    while (this.#accepted < count)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  get node(): RealtimeNode {
    return this.app.get(RealtimeNode);
  }

  get gateway(): DoorGateway {
    return this.app.get(DoorGateway);
  }

  get grants(): Grants {
    return this.app.get(Grants);
  }

  get sessions(): SessionService {
    return this.app.get(SessionService);
  }

  get rooms(): RoomService {
    return this.app.get(RoomService);
  }

  /** A client that was let in. */
  connect(token = 'token-ada', options: RawClientOptions = {}): Promise<RawClient> {
    return RawClient.connect(this.url, token, options);
  }

  /** A client without hello. */
  plain(headers: Record<string, string> = {}, query = ''): Promise<RawClient> {
    return RawClient.open(`${this.url}${query}`, { protocols: [], socket: { headers } });
  }

  /** Shows that the server serves: a client gets in and is answered. */
  async serves(token = 'token-witness'): Promise<boolean> {
    const client = await this.connect(token);
    const answer = await client.request('w', 'echo', 'still here');
    await client.close();
    return answer.type === 'response' && answer.payload === 'still here';
  }

  /** Ends the app without waiting for clients. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.app.close();
  }
}

/** The HTTP status a handshake was refused with, from the error that `ws` makes of it. */
export async function refusedStatus(opening: Promise<unknown>): Promise<number> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const status = /Unexpected server response: (\d+)/.exec(String(error))?.[1];
  if (status === undefined) throw new Error(`expected a refusal, got ${String(error)}`);
  return Number(status);
}

/** Collects garbage, so that what is left is held by somebody. */
export function collectGarbage(): void {
  setFlagsFromString('--expose_gc');
  (runInNewContext('gc') as () => void)();
}

/** Bytes of heap and buffers in use after a collection. */
export function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
