import { CloseCode, ErrorCode, type HelloFrame } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { withDeadline } from './deadline.js';
import { RealtimeError } from './errors.js';
import type { Hub } from './hub.js';
import type { Clock, Observer, TokenVerifier } from './ports.js';

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
  readonly clock: Clock;
  readonly observer: Observer;
  readonly timeoutMs: number;
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number };
}

/** From a peer's credentials to an open connection, or to a close with the right code. */
export class Admission {
  constructor(private readonly deps: AdmissionDependencies) {}

  /** Lets the peer in or closes it. Never rejects. */
  async admit(connection: Connection, hello: HelloFrame | undefined): Promise<void> {
    try {
      const token = hello?.token ?? connection.handshake.token;
      const user = await this.#deadline(this.#verify(connection, token));
      if (!connection.isLive) return;
      if (user === undefined) {
        this.#turnAway(connection, hello, token);
        return;
      }
      connection.identify(user);
      this.deps.hub.addUser(connection, user.id);
      await this.#deadline(this.deps.hooks.connecting(connection));
      connection.open(user, this.deps.heartbeat, () => {
        this.deps.hooks.connected(connection);
      });
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  async #verify(
    connection: Connection,
    token: string | undefined,
  ): ReturnType<TokenVerifier['verify']> {
    return this.deps.verifier.verify(token, connection.handshake);
  }

  #deadline<T>(work: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.deps;
    return withDeadline(clock, timeoutMs, work, () => {
      return new Error(`admission: expected an answer within ${String(timeoutMs)} ms`);
    });
  }

  /** A plain connection without a token may still say `hello` with one; everyone else had their chance. */
  #turnAway(
    connection: Connection,
    hello: HelloFrame | undefined,
    token: string | undefined,
  ): void {
    if (hello === undefined && token === undefined) connection.expectHello();
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
