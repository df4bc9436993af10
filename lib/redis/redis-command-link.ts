import { withDeadline, type Clock, type Observer } from '../core/index.js';
import { isCluster, type RedisCommands } from './redis-commands.js';
import { unavailable } from './redis-errors.js';
import { connectCommands, type RedisSource } from './redis-source.js';

/** What a connection for commands needs. */
export interface RedisCommandLinkSetup {
  readonly source: RedisSource;
  readonly clock: Clock;
  readonly observer: Pick<Observer, 'failed'>;
  /** Whether messages go to the sharded channels of a cluster. Default true; see `RedisLinkOptions`. */
  readonly sharded?: boolean;
  /** Milliseconds until a connection has to be there, where somebody waits for it. Default 5 000. */
  readonly timeoutMs?: number;
  /**
   * Milliseconds after which a connection that does not answer a command is made anew. Absent: never;
   * somebody else looks after it.
   */
  readonly silenceMs?: number;
}

/** A connection to Redis for commands. It comes back by itself until it is closed. */
export class RedisCommandLink {
  /** Sends commands. Those that cannot be sent wait, without bound: callers have deadlines. */
  readonly commands: RedisCommands;
  /** How a script publishes to channels that nodes listen to. */
  readonly publishVerb: 'PUBLISH' | 'SPUBLISH';
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #onReady = new Set<() => void>();
  /** Tells those who wait in {@link ready} that it was closed. */
  readonly #onClose = new Set<() => void>();
  #wasAway = false;
  #lastError: unknown;
  #isClosed = false;

  constructor(setup: RedisCommandLinkSetup) {
    const { source, observer, sharded = true, timeoutMs = 5_000, silenceMs } = setup;
    this.#clock = setup.clock;
    this.#timeoutMs = timeoutMs;
    const commands = connectCommands(source, silenceMs);
    this.commands = commands;
    this.publishVerb = isCluster(commands) && sharded ? 'SPUBLISH' : 'PUBLISH';
    const lost = (error: Error): void => {
      // Once for each time that it is away, not for each attempt.
      if (!this.#wasAway) observer.failed('connection to Redis', error);
      this.#wasAway = true;
      this.#lastError = error;
    };
    commands.on('error', lost);
    // One that was there may end without an error.
    commands.on('close', () => {
      if (!this.#isClosed && !this.#wasAway) lost(unavailable('the connection ended'));
    });
    commands.on('ready', () => {
      this.#wasAway = false;
      for (const listener of this.#onReady) listener();
    });
  }

  /** Whether commands can be sent now. */
  get isReady(): boolean {
    return this.commands.status === 'ready';
  }

  /**
   * Resolves when commands can be sent.
   *
   * @throws RealtimeError `unavailable` if they cannot in time, or it is closed before, with what was the
   * matter last as its cause.
   */
  ready(): Promise<void> {
    let stop = (): void => undefined;
    const isReady = new Promise<void>((resolve, reject) => {
      const closed = (): void => {
        reject(unavailable('the connection was closed', this.#lastError));
      };
      const forget = this.onReady(resolve);
      this.#onClose.add(closed);
      stop = () => {
        forget();
        this.#onClose.delete(closed);
      };
      if (this.#isClosed) closed();
      else if (this.isReady) resolve();
    });
    return withDeadline(this.#clock, this.#timeoutMs, isReady, () =>
      unavailable(`expected a connection within ${String(this.#timeoutMs)} ms`, this.#lastError),
    ).finally(stop);
  }

  /** Has a callback called whenever commands can be sent again. Returns what ends that. */
  onReady(listener: () => void): () => void {
    this.#onReady.add(listener);
    return () => {
      this.#onReady.delete(listener);
    };
  }

  /** Whether {@link close} was called. */
  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends the connection; commands that are under way are rejected. A second call does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onReady.clear();
    for (const closed of this.#onClose) closed();
    this.commands.disconnect();
  }
}
