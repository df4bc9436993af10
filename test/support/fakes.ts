import {
  DEFAULT_HISTORY,
  type Application,
  type Authentication,
  type Connection,
  type Handshake,
  type HistoryPolicy,
  type Observer,
  type PresencePolicy,
  type Publication,
  type PublishDecision,
  type Random,
  type RequestContext,
  type RequestHandler,
  type RoomDirectory,
  type RoomRights,
  type TokenVerifier,
} from '../../lib/core/index.js';

/** Names that count up: what a failing test prints can be read. */
export class CountingRandom implements Random {
  #count = 0;

  constructor(private readonly prefix = 'id') {}

  id(): string {
    this.#count += 1;
    return `${this.prefix}-${String(this.#count)}`;
  }

  fraction(): number {
    return 0.5;
  }
}

/** Remembers what it was told. */
export class RecordingObserver implements Observer {
  readonly failures: { where: string; error: unknown }[] = [];
  readonly ignoredThings: string[] = [];

  failed(where: string, error: unknown): void {
    this.failures.push({ where, error });
  }

  ignored(what: string): void {
    this.ignoredThings.push(what);
  }
}

/** Knows tokens `token-<user>`; everything else it can be told to do. */
export class FakeVerifier implements TokenVerifier {
  /** What it does instead of deciding by the token. */
  instead: ((token: string | undefined) => Promise<Authentication | undefined>) | undefined;
  asked = 0;

  verify(token: string | undefined): Promise<Authentication | undefined> {
    this.asked += 1;
    if (this.instead !== undefined) return this.instead(token);
    const id = /^token-(.+)$/.exec(token ?? '')?.[1];
    return Promise.resolve(id === undefined ? undefined : { user: { id } });
  }
}

/** A peer of nowhere. */
export function handshake(overrides: Partial<Handshake> = {}): Handshake {
  return { ip: '192.0.2.1', url: '/realtime', headers: {}, negotiated: true, ...overrides };
}

/** Handlers by event, and what happened to connections. */
export class FakeApplication implements Application {
  readonly handlers = new Map<string, (request: RequestContext) => Promise<unknown>>();
  /** Events whose handlers may run once only. */
  readonly idempotent = new Set<string>();
  readonly log: string[] = [];
  /** Awaited before a connection is let in. */
  onConnecting: (connection: Connection) => Promise<void> = () => Promise.resolve();
  onConnected: (connection: Connection) => void = () => undefined;
  onDisconnected: (connection: Connection) => void = () => undefined;

  connecting(connection: Connection): Promise<void> {
    this.log.push(`connecting ${connection.id}`);
    return this.onConnecting(connection);
  }

  connected(connection: Connection): void {
    this.log.push(`connected ${connection.id}`);
    this.onConnected(connection);
  }

  disconnected(connection: Connection, code: number): void {
    this.log.push(`disconnected ${connection.id} ${String(code)}`);
    this.onDisconnected(connection);
  }

  handler(event: string): RequestHandler | undefined {
    if (!this.handlers.has(event)) return undefined;
    return { isIdempotent: this.idempotent.has(event) };
  }

  async handle(_: Connection, request: RequestContext): Promise<unknown> {
    this.log.push(`handle ${request.event} ${request.id}`);
    return this.handlers.get(request.event)?.(request);
  }
}

/** Rights that say yes unless told otherwise. */
export class FakeRights implements RoomRights {
  isPublic = false;
  history: HistoryPolicy = DEFAULT_HISTORY;
  presence: PresencePolicy | undefined = {
    graceMs: 10_000,
    countsOnly: false,
    info: () => Promise.resolve(undefined),
  };
  snapshot?: NonNullable<RoomRights['snapshot']>;
  onHistory: (userId: string) => Promise<boolean> = () => Promise.resolve(true);
  onSubscribe: (userId: string) => Promise<boolean> = () => Promise.resolve(true);
  onPublish: RoomRights['decidePublish'] = (_user, _event, payload): Promise<PublishDecision> =>
    Promise.resolve({ allowed: true, payload: payload?.text });

  canSubscribe(user: { readonly id: string }): Promise<boolean> {
    return this.onSubscribe(user.id);
  }

  canReadHistory(user: { readonly id: string }): Promise<boolean> {
    return this.onHistory(user.id);
  }

  onPresence: (userId: string) => Promise<boolean> = () => Promise.resolve(true);

  canSeePresence(user: { readonly id: string }): Promise<boolean> {
    return this.onPresence(user.id);
  }

  decidePublish(...args: Parameters<RoomRights['decidePublish']>): Promise<PublishDecision> {
    return this.onPublish(...args);
  }
}

/** Declares every room but those that begin with `undeclared`. */
export class FakeDirectory implements RoomDirectory {
  readonly rights = new FakeRights();

  find(room: string): RoomRights | undefined {
    return room.startsWith('undeclared') ? undefined : this.rights;
  }
}

/** A message to publish. */
export function publication(id: string, overrides: Partial<Publication> = {}): Publication {
  return { id, event: 'said', timestamp: 1, payload: JSON.stringify({ id }), ...overrides };
}
