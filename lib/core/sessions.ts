import { CloseCode, ErrorCode, type AuthenticateFrame } from '../protocol/index.js';
import type { Connection } from './connection.js';
import { withDeadline } from './deadline.js';
import { Deadlines } from './deadlines.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { Hub } from './hub.js';
import type {
  Authentication,
  Clock,
  Observer,
  Random,
  RevocationRule,
  Session,
  TokenVerifier,
} from './ports/index.js';
import { Revocations, revokes } from './revocations.js';

/** How sessions end. */
export interface SessionOptions {
  /**
   * How long after the expiry of its credentials a session goes on, in milliseconds: time for a fresh
   * token that is already on its way. Default 10 000. 0: not at all.
   */
  readonly graceMs: number;
  /**
   * How long a revoked token is remembered, in milliseconds; at least the longest life of a token.
   * Default 24 h.
   */
  readonly rememberRevokedMs: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  graceMs: 10_000,
  rememberRevokedMs: 86_400_000,
};

/** Revocations that are remembered; each is looked at for every new session. */
const MAX_REVOCATIONS = 10_000;

/** What sessions need to know and to tell. */
export interface SessionDependencies {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly verifier: TokenVerifier;
  readonly options: SessionOptions;
  /** Milliseconds a verifier may take. */
  readonly timeoutMs: number;
  /** Asks the room classes again; settles when the connection has left what it may not be in. */
  reauthorize(connection: Connection): Promise<void>;
}

/**
 * The life of a session on this node: begun by credentials, renewed by fresh ones, ended by their
 * expiry or by revocation.
 */
export class Sessions {
  readonly #revocations: Revocations;
  readonly #expiry: Deadlines<Connection>;
  /** Connections that were asked for fresh credentials; their next deadline is the last. */
  readonly #asked = new WeakSet<Connection>();
  /** Connections whose fresh credentials are being checked. One at a time: the last word is the newest. */
  readonly #renewing = new WeakSet<Connection>();

  constructor(private readonly deps: SessionDependencies) {
    const { clock, options, observer } = deps;
    const { rememberRevokedMs } = options;
    this.#revocations = new Revocations(clock, rememberRevokedMs, MAX_REVOCATIONS, () => {
      observer.ignored('revocation-forgotten');
    });
    this.#expiry = new Deadlines(clock, (connection) => {
      this.#due(connection);
    });
  }

  /**
   * Makes a connection a session. False if the credentials are revoked, or ran out longer than the
   * grace ago.
   *
   * @throws TypeError if the user has no id: all users without one would be the same user.
   */
  begin(connection: Connection, authentication: Authentication): boolean {
    const session = this.#session(connection, authentication);
    if (!this.#isGood(session)) return false;
    connection.identify(session);
    this.deps.hub.addUser(connection, session.user.id);
    this.#watch(connection, session);
    return true;
  }

  /** The connection has ended. */
  end(connection: Connection): void {
    this.#expiry.delete(connection);
  }

  /** The sessions of a user on this node. */
  ofUser(userId: string): Session[] {
    return [...this.deps.hub.ofUser(userId)].flatMap(({ session }) => session ?? []);
  }

  /** Ends the sessions a rule names, and keeps their tokens out. */
  revoke(rule: RevocationRule): void {
    this.#revocations.add(rule);
    const { userId, sessionId } = rule;
    const single = sessionId === undefined ? undefined : this.deps.hub.get(sessionId);
    const candidates =
      single !== undefined
        ? [single]
        : userId === undefined
          ? this.deps.hub.connections
          : this.deps.hub.ofUser(userId);
    for (const connection of [...candidates]) {
      const { session } = connection;
      if (session === undefined || !revokes(rule, session)) continue;
      connection.close(CloseCode.Unauthorized, 'session revoked');
    }
  }

  /** Asks the room classes again what a user may. Never rejects. */
  async reauthorize(userId: string): Promise<void> {
    const connections = [...this.deps.hub.ofUser(userId)];
    await Promise.all(connections.map((connection) => this.deps.reauthorize(connection)));
  }

  /** Handles fresh credentials of a session that is open. Never rejects. */
  async renew(connection: Connection, frame: AuthenticateFrame): Promise<void> {
    try {
      if (this.#renewing.has(connection)) {
        throw new RealtimeError(ErrorCode.RateLimited, 'expected one authenticate at a time');
      }
      await this.#renew(connection, frame);
    } catch (error) {
      const known = error instanceof RealtimeError ? error : undefined;
      if (known === undefined) this.deps.observer.failed('authenticate', error);
      const unavailable = 'the credentials could not be checked';
      const told = known ?? new RealtimeError(ErrorCode.Unavailable, unavailable);
      connection.outbox.send(errorFrame(told, frame.id));
    }
  }

  async #renew(connection: Connection, { id, token }: AuthenticateFrame): Promise<void> {
    this.#renewing.add(connection);
    try {
      const authentication = await this.#verify(connection, token);
      if (connection.isLive) await this.#replace(connection, id, authentication);
    } finally {
      this.#renewing.delete(connection);
    }
  }

  #verify(connection: Connection, token: string): Promise<Authentication | undefined> {
    const { verifier, clock, timeoutMs } = this.deps;
    const work = verifier.verify(token, connection.handshake);
    return withDeadline(clock, timeoutMs, work, () => {
      return new Error(`authenticate: expected an answer within ${String(timeoutMs)} ms`);
    });
  }

  async #replace(
    connection: Connection,
    id: string,
    authentication: Authentication | undefined,
  ): Promise<void> {
    if (authentication === undefined) {
      throw new RealtimeError(ErrorCode.Unauthorized, 'invalid credentials');
    }
    if (authentication.user.id !== connection.session?.user.id) {
      throw new RealtimeError(ErrorCode.Forbidden, 'the credentials are of another user');
    }
    const session = {
      ...this.#session(connection, authentication),
      since: connection.session.since,
    };
    if (!this.#isGood(session)) {
      throw new RealtimeError(ErrorCode.Unauthorized, 'invalid credentials');
    }
    connection.identify(session);
    this.#watch(connection, session);
    // Before the answer: when the client reads it, rooms it may no longer be in are left.
    await this.deps.reauthorize(connection);
    const { expiresAt } = session;
    connection.outbox.send({
      type: 'authenticated',
      id,
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
  }

  /** A verifier may have let expired credentials pass; what would end at once must not begin. */
  #isGood(session: Session): boolean {
    const { expiresAt = Infinity } = session;
    // Not `<=`: an expiry that is no number (a verifier's date that could not be read) is none to trust.
    if (!(expiresAt + this.deps.options.graceMs > this.deps.clock.now())) return false;
    return !this.#revocations.has(session);
  }

  #session(connection: Connection, authentication: Authentication): Session {
    const { id } = authentication.user;
    if (typeof id !== 'string' || id === '') {
      throw new TypeError('session: expected a user whose id is a non-empty string');
    }
    return { ...authentication, id: connection.id, since: this.deps.clock.now() };
  }

  /**
   * Sets the moment to ask for fresh credentials: after 80 to 90 per cent of what is left of their
   * life, so that tokens issued in the same second are not renewed in the same second.
   */
  #watch(connection: Connection, { expiresAt }: Session): void {
    this.#asked.delete(connection);
    if (expiresAt === undefined) {
      this.#expiry.delete(connection);
      return;
    }
    const now = this.deps.clock.now();
    const life = Math.max(0, expiresAt - now);
    this.#expiry.set(connection, now + life * (0.8 + 0.1 * this.deps.random.fraction()));
  }

  #due(connection: Connection): void {
    const expiresAt = connection.session?.expiresAt;
    if (expiresAt === undefined) return;
    if (this.#asked.has(connection)) {
      connection.close(CloseCode.Unauthorized, 'credentials expired');
      return;
    }
    this.#asked.add(connection);
    const endsAt = expiresAt + this.deps.options.graceMs;
    this.#expiry.set(connection, endsAt);
    const withinMs = Math.max(0, Math.floor(endsAt - this.deps.clock.now()));
    connection.outbox.send({ type: 'authenticate', withinMs });
  }
}
