import { CloseCode, ErrorCode, type HelloFrame } from '../protocol/index.js';
import type { Connection } from './connection.js';
import type { Delays } from './delays.js';
import { withDeadline } from './deadline.js';
import { RealtimeError } from './errors.js';
import type { Fence } from './fence.js';
import type { Hub } from './hub.js';
import type { Authentication, Clock, Observer, TokenVerifier } from './ports/index.js';
import type { Sessions } from './sessions.js';

/** The application's part in a connection's life. */
export interface ConnectionHooks {
  /** Awaited before `connected`; a rejection keeps the connection out. */
  connecting(connection: Connection): Promise<void>;
  /** Called once the client was told that it is connected, before any of its frames is handled. */
  connected(connection: Connection): void;
}

/** What admission needs to know and to tell. */
export interface AdmissionDependencies {
  readonly verifier: TokenVerifier;
  readonly hooks: ConnectionHooks;
  readonly hub: Hub;
  readonly fence: Fence;
  readonly delays: Pick<Delays, 'arrived'>;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly sessions: Sessions;
  readonly timeoutMs: number;
  /** Connections a user may have on this node. */
  readonly connectionsPerUser: number;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number };
}

/** From a peer's credentials to an open connection, or to a close with the right code. */
export class Admission {
  constructor(private readonly deps: AdmissionDependencies) {}

  /** Lets the peer in or closes it. Never rejects. */
  async admit(connection: Connection, hello: HelloFrame | undefined): Promise<void> {
    try {
      const token = hello?.token;
      const authentication = await this.#authenticate(connection, token);
      if (!connection.isLive) return;
      if (authentication === undefined) {
        this.#turnAway(connection, hello);
        return;
      }
      if (!this.#beginSession(connection, authentication)) return;
      await this.#deadline(this.deps.hooks.connecting(connection));
      connection.open(authentication.user, this.deps.heartbeat, () => {
        if (hello?.clientKey !== undefined) this.deps.fence.arrived(connection);
        this.deps.delays.arrived(connection);
        this.deps.hooks.connected(connection);
      });
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  /** A token in `hello` is what the client wants to be known by; else the handshake may have settled it. */
  async #authenticate(
    connection: Connection,
    token: string | undefined,
  ): Promise<Authentication | undefined> {
    const { handshake } = connection;
    const settled = handshake.authentication;
    if (settled !== undefined && token === undefined) return settled;
    return this.#deadline(this.#verify(connection, token));
  }

  async #verify(
    connection: Connection,
    token: string | undefined,
  ): Promise<Authentication | undefined> {
    return this.deps.verifier.verify(token, connection.handshake);
  }

  #beginSession(connection: Connection, authentication: Authentication): boolean {
    const { hub, sessions, connectionsPerUser } = this.deps;
    if (hub.ofUser(authentication.user.id).size >= connectionsPerUser) {
      connection.close(CloseCode.TooManyRequests, 'too many connections of this user');
      return false;
    }
    if (sessions.begin(connection, authentication)) return true;
    connection.close(CloseCode.Unauthorized, 'invalid credentials');
    return false;
  }

  #deadline<T>(work: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.deps;
    return withDeadline(clock, timeoutMs, work, () => {
      return new Error(`admission: expected an answer within ${String(timeoutMs)} ms`);
    });
  }

  /** A plain connection may still say `hello` with a token; everyone else had their chance. */
  #turnAway(connection: Connection, hello: HelloFrame | undefined): void {
    if (hello === undefined) connection.expectHello();
    else connection.close(CloseCode.Unauthorized, 'invalid credentials');
  }

  #refuse(connection: Connection, error: unknown): void {
    if (error instanceof RealtimeError && error.code === ErrorCode.Forbidden) {
      connection.close(CloseCode.Forbidden, 'forbidden');
    } else if (error instanceof RealtimeError && error.code === ErrorCode.Unauthorized) {
      connection.close(CloseCode.Unauthorized, 'invalid credentials');
    } else {
      // Fail closed: who could not be checked does not get in, but may come back.
      this.deps.observer.failed('admission', error);
      connection.close(CloseCode.InternalError, 'admission failed');
    }
  }
}
