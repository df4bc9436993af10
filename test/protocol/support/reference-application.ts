/**
 * The application that the dialogues are held with, see `../vectors/README.md`: a Nest application on
 * a real socket, whose time stands still unless a dialogue lets it pass.
 *
 * How to extend: a new handler goes into `ReferenceGateway` and into the README, a new kind of room
 * into `reference-rooms.ts`, a new token into `Credentials`, something the application does by itself into `ReferenceApplication.act()`.
 */
import { Injectable, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';

import type { Observer, RealtimeError } from '../../../lib/core/index.js';
import {
  REALTIME_CLOCK,
  REALTIME_OBSERVER,
  RealtimeModule,
  RealtimeService,
  RoomService,
  SessionService,
} from '../../../lib/nest/index.js';
import { listen, ManualClock } from '../../../lib/testing/index.js';
import { Credentials, Gates, SHORT_LIFE_MS } from './reference-credentials.js';
import { ReferenceGateway } from './reference-gateway.js';
import { BoardRooms, Boards, ChatRooms, CrowdRooms } from './reference-rooms.js';
import { match, type ApplicationStep, type ElapseStep, type ServerSetup } from './vectors.js';
import { Visitors } from './visitors.js';

/** Milliseconds that the application waits for a client's answer. */
const ANSWER_TIME_MS = 5_000;

/** How long the steps of time last. Each a little more than the name says: deadlines have a grain. */
const ELAPSE_MS: Readonly<Record<ElapseStep['elapse'], number>> = {
  'hello-timeout': 10_500,
  // A token is due for renewal after 80 to 90 per cent of its life.
  'renewal-time': SHORT_LIFE_MS * 0.9 + 500,
  // What is left of its life, and the 10 seconds after it.
  grace: SHORT_LIFE_MS * 0.1 + 10_500,
  'presence-grace': 10_500,
  'history-time': 300_500,
  'answer-time': ANSWER_TIME_MS + 500,
};

/** Time that stands still, but for turns of the event loop, which come and go. */
class TurningClock extends ManualClock {
  override after(delayMs: number, callback: () => void): () => void {
    if (delayMs > 0) return super.after(delayMs, callback);
    const turn = setImmediate(callback);
    return () => {
      clearImmediate(turn);
    };
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
  /** What comes of the questions to the client, in their order. */
  readonly #questions: Promise<unknown>[] = [];

  private constructor(
    private readonly app: INestApplication,
    /** Where it listens: `ws://host:port`, without a path. */
    readonly origin: string,
    private readonly clock: ManualClock,
    private readonly gates: Gates,
    private readonly credentials: Credentials,
    private readonly visitors: Visitors,
    observer: RecordingObserver,
  ) {
    this.failures = observer.failures;
  }

  /** Starts it as a dialogue wants it. */
  static async start(setup: ServerSetup): Promise<ReferenceApplication> {
    const clock = new TurningClock();
    const gates = new Gates();
    const credentials = new Credentials(clock, gates, setup.user);
    const observer = new RecordingObserver();
    const visitors = new Visitors();
    const { attempts, ...limits } = setup.limits ?? {};
    const module = await Test.createTestingModule({
      imports: [
        RealtimeModule.forRoot({
          auth: {
            verify: (token) => credentials.verify(token),
            cookie: 'token',
            allowAnonymous: setup.anonymous === true,
          },
          origins: ['https://app.example'],
          limits: { ...limits, ...(attempts === undefined ? {} : { attemptBurst: attempts }) },
          // Time passes in leaps here, and nobody could answer a ping within one.
          heartbeat: { intervalMs: 3_600_000, timeoutMs: 7_200_000 },
        }),
      ],
      providers: [
        ReferenceGateway,
        ChatRooms,
        BoardRooms,
        CrowdRooms,
        Boards,
        { provide: Gates, useValue: gates },
        { provide: Credentials, useValue: credentials },
        { provide: Visitors, useValue: visitors },
      ],
    })
      .overrideProvider(REALTIME_CLOCK)
      .useValue(clock)
      .overrideProvider(REALTIME_OBSERVER)
      .useValue(observer)
      .compile();
    const app = module.createNestApplication({ logger: false });
    const origin = await listen(app, '');
    visitors.url = `${origin}/realtime`;
    const parts = [clock, gates, credentials, visitors, observer] as const;
    const reference = new ReferenceApplication(app, origin, ...parts);
    // What a shutdown begins with; nobody is connected who would have to be waited for.
    if (setup.draining === true) await app.get(RealtimeModule).beforeApplicationShutdown();
    return reference;
  }

  /**
   * Does something by itself.
   *
   * @param connectionId the dialogue's connection, if there is one.
   */
  async act({ application }: ApplicationStep, connectionId = ''): Promise<void> {
    const rooms = this.app.get(RoomService);
    const sessions = this.app.get(SessionService);
    switch (application.do) {
      case 'release':
        return this.gates.release(application.handler);
      case 'publish': {
        const { room, event, payload, exceptClient } = application;
        this.app.get(Boards).note(room, event);
        await rooms.publish(room, event, payload, {
          except: exceptClient === true ? [connectionId] : [],
        });
        return;
      }
      case 'send-to-user':
        return rooms.toUser(application.user, application.event, application.payload);
      case 'disconnect':
        return rooms.disconnectUser(application.user);
      case 'leave':
        rooms.leave(connectionId, application.room);
        return;
      case 'forbid':
        this.credentials.forbid(application.user, application.room);
        return sessions.reauthorize(application.user);
      case 'revoke':
        // So that what is issued from now on is younger than the rule.
        this.clock.advance(1);
        return sessions.revoke({ userId: application.user, issuedBefore: this.clock.now() });
      case 'ask':
        this.#ask(connectionId, application.event, application.payload);
        return;
      case 'learn':
        return this.#learn(application.outcome);
      case 'visit':
        return this.visitors.visit(application);
      case 'tell':
        return this.visitors.tell(application.device, application.room, application.info);
      case 'lose':
      case 'depart':
        return this.visitors.end(application.device, application.do);
      case 'rebalance':
        // Settles when they have gone; the dialogue shows that.
        void this.app.get(RealtimeService).rebalance(1);
        return;
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
    this.visitors.close();
    this.#ended ??= this.app.close();
    await this.#ended;
  }

  #ask(connectionId: string, event: string, payload: unknown): void {
    const answer = this.app
      .get(RoomService)
      .request(connectionId, event, payload, { timeoutMs: ANSWER_TIME_MS });
    this.#questions.push(
      answer.then(
        (value) => (value === undefined ? {} : { payload: value }),
        (error: unknown) => ({ code: (error as RealtimeError).code }),
      ),
    );
  }

  async #learn(expected: unknown): Promise<void> {
    const difference = match(await this.#questions.shift(), expected, new Map());
    if (difference !== undefined) throw new Error(`the application learnt ${difference}`);
  }
}
