/**
 * The application that the dialogues are held with, see `../vectors/README.md`: a Nest application on
 * a real socket, whose time stands still unless a dialogue lets it pass.
 *
 * How to extend: a new handler goes into `ReferenceGateway` and into the README, a new token into
 * `Credentials`, something the application does by itself into `ReferenceApplication.act()`.
 */
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WsException } from '@nestjs/websockets';
import { IsBoolean, IsString } from 'class-validator';

import type { Observer } from '../../../lib/core/index.js';
import {
  CurrentUser,
  Public,
  REALTIME_CLOCK,
  REALTIME_OBSERVER,
  RealtimeGateway,
  RealtimeModule,
  RealtimeRoom,
  RequestSignal,
  RoomService,
  SessionService,
  type RoomPolicy,
} from '../../../lib/nest/index.js';
import { listen, ManualClock } from '../../../lib/testing/index.js';
import { Credentials, Gates, SHORT_LIFE_MS, type ReferenceUser } from './reference-credentials.js';
import type { ApplicationStep, ElapseStep, ServerSetup } from './vectors.js';

/** How long the steps of time last. Each a little more than the name says: deadlines have a grain. */
const ELAPSE_MS: Readonly<Record<ElapseStep['elapse'], number>> = {
  'hello-timeout': 10_500,
  // A token is due for renewal after 80 to 90 per cent of its life.
  'renewal-time': SHORT_LIFE_MS * 0.9 + 500,
  // What is left of its life, and the 10 seconds after it.
  grace: SHORT_LIFE_MS * 0.1 + 10_500,
};

class ChatSend {
  @IsString() room!: string;
  @IsString() text!: string;
}

class Typing {
  @IsBoolean() on!: boolean;
}

@RealtimeGateway()
class ReferenceGateway {
  constructor(
    private readonly rooms: RoomService,
    private readonly gates: Gates,
  ) {}

  @SubscribeMessage('echo')
  echo(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @Public()
  @SubscribeMessage('public.echo')
  publicEcho(@MessageBody() payload: unknown): unknown {
    return payload;
  }

  @SubscribeMessage('nothing')
  nothing(): void {
    // Returns nothing: an acknowledgement.
  }

  @SubscribeMessage('fail')
  fail(): never {
    throw new Error('the details are only for the log');
  }

  @SubscribeMessage('reject')
  reject(): never {
    throw new WsException('no');
  }

  @SubscribeMessage('count')
  async *count(@MessageBody() { to }: { to: number }): AsyncGenerator<number> {
    for (let item = 1; item <= to; item += 1) yield item;
  }

  @SubscribeMessage('forever')
  async *forever(@RequestSignal() signal: AbortSignal): AsyncGenerator<number> {
    yield 1;
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
  }

  @SubscribeMessage('slow')
  async slow(): Promise<unknown> {
    await this.gates.wait('slow');
    return { released: true };
  }

  @SubscribeMessage('chat.send')
  async send(@MessageBody() { room, text }: ChatSend, @CurrentUser('id') from: string) {
    await this.rooms.publish(`chat/${room}`, 'chat.message', { text, from });
    return { sent: true };
  }
}

@RealtimeRoom('chat/:room', { events: { typing: Typing } })
class ChatRooms implements RoomPolicy<ReferenceUser, { room: string }> {
  constructor(private readonly credentials: Credentials) {}

  canSubscribe(user: ReferenceUser, { room }: { room: string }): boolean {
    return this.credentials.allows(user, `chat/${room}`);
  }

  canSeePresence(user: ReferenceUser, { room }: { room: string }): boolean {
    return this.credentials.allows(user, `chat/${room}`);
  }

  canPublish(): boolean {
    return true;
  }
}

/** Remembers what failed, instead of logging it. */
@Injectable()
class RecordingObserver implements Observer {
  readonly failures: { readonly where: string; readonly error: unknown }[] = [];

  failed(where: string, error: unknown): void {
    this.failures.push({ where, error });
  }

  ignored(): void {
    // Counted by others; no dialogue depends on it.
  }
}

/** One dialogue's server. */
export class ReferenceApplication {
  /** What failed on the server, as its log would show. */
  readonly failures: RecordingObserver['failures'];
  #ended: Promise<void> | undefined;

  private constructor(
    private readonly app: INestApplication,
    /** Where it listens: `ws://host:port`, without a path. */
    readonly origin: string,
    private readonly clock: ManualClock,
    private readonly gates: Gates,
    private readonly credentials: Credentials,
    observer: RecordingObserver,
  ) {
    this.failures = observer.failures;
  }

  /** Starts it as a dialogue wants it. */
  static async start(setup: ServerSetup): Promise<ReferenceApplication> {
    const clock = new ManualClock();
    const gates = new Gates();
    const credentials = new Credentials(clock, gates, setup.user);
    const observer = new RecordingObserver();
    const { rooms, attempts } = setup.limits ?? {};
    const module = await Test.createTestingModule({
      imports: [
        RealtimeModule.forRoot({
          auth: {
            verify: (token) => credentials.verify(token),
            cookie: 'token',
            allowAnonymous: setup.anonymous === true,
          },
          origins: ['https://app.example'],
          limits: {
            ...(rooms === undefined ? {} : { rooms }),
            ...(attempts === undefined ? {} : { attemptBurst: attempts }),
          },
          // Time passes in leaps here, and nobody could answer a ping within one.
          heartbeat: { intervalMs: 3_600_000, timeoutMs: 7_200_000 },
        }),
      ],
      providers: [
        ReferenceGateway,
        ChatRooms,
        { provide: Gates, useValue: gates },
        { provide: Credentials, useValue: credentials },
      ],
    })
      .overrideProvider(REALTIME_CLOCK)
      .useValue(clock)
      .overrideProvider(REALTIME_OBSERVER)
      .useValue(observer)
      .compile();
    const app = module.createNestApplication({ logger: false });
    const origin = await listen(app, '');
    const reference = new ReferenceApplication(app, origin, clock, gates, credentials, observer);
    // What a shutdown begins with; nobody is connected who would have to be waited for.
    if (setup.draining === true) await app.get(RealtimeModule).beforeApplicationShutdown();
    return reference;
  }

  /**
   * Does something by itself.
   *
   * @param connectionId the dialogue's connection, if there is one.
   */
  async act({ application }: ApplicationStep, connectionId: string | undefined): Promise<void> {
    const rooms = this.app.get(RoomService);
    const sessions = this.app.get(SessionService);
    switch (application.do) {
      case 'release':
        await this.gates.release(application.handler);
        break;
      case 'publish': {
        const { room, event, payload, exceptClient } = application;
        const except = exceptClient === true && connectionId !== undefined ? [connectionId] : [];
        await rooms.publish(room, event, payload, { except });
        break;
      }
      case 'send-to-user':
        await rooms.toUser(application.user, application.event, application.payload);
        break;
      case 'disconnect':
        await rooms.disconnectUser(application.user);
        break;
      case 'leave':
        rooms.leave(connectionId ?? '', application.room);
        break;
      case 'forbid':
        this.credentials.forbid(application.user, application.room);
        await sessions.reauthorize(application.user);
        break;
      case 'revoke':
        // So that what is issued from now on is younger than the rule.
        this.clock.advance(1);
        await sessions.revoke({ userId: application.user, issuedBefore: this.clock.now() });
        break;
      case 'shutdown':
        this.#ended = this.app.close();
    }
  }

  /** Lets time pass. */
  elapse({ elapse }: ElapseStep): void {
    this.clock.advance(ELAPSE_MS[elapse]);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#ended ??= this.app.close();
    await this.#ended;
  }
}
