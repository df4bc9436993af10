import type { ConnectedFrame } from '../protocol/index.js';
import type { Environment } from './environment.js';

/** What {@link Liveness} does about silence. */
export interface LivenessActions {
  /** Ask the server for a sign of life. */
  readonly ping: () => void;
  /** Nothing came: the connection is dead. */
  readonly dead: () => void;
}

/**
 * Notices a server that went silent. Browsers answer the protocol's pings without the page seeing
 * them, so after `intervalMs` without traffic the client asks with a `ping` frame of its own, and
 * after `timeoutMs` without traffic gives the connection up. One timer; traffic only notes the time.
 *
 * Dead is only what left a ping unanswered: a background tab's timers run minutes late, and the
 * silence they find then says nothing about the link.
 */
export class Liveness {
  readonly #environment: Environment;
  readonly #actions: LivenessActions;
  #intervalMs = 0;
  #graceMs = 0;
  #lastTrafficAt = 0;
  #awaitsPong = false;
  #stopTimer: (() => void) | undefined;

  constructor(environment: Environment, actions: LivenessActions) {
    this.#environment = environment;
    this.#actions = actions;
  }

  /** Watches from now on. An interval of 0 means that the server wants no such check. */
  start({ intervalMs, timeoutMs }: ConnectedFrame['heartbeat']): void {
    this.#intervalMs = intervalMs;
    // A timeout that is not above the interval would leave no time to answer.
    this.#graceMs = timeoutMs > intervalMs ? timeoutMs - intervalMs : intervalMs / 2;
    this.touch();
    if (intervalMs > 0) this.#arm(intervalMs);
  }

  /** Something came from the server. */
  touch(): void {
    this.#lastTrafficAt = this.#environment.now();
    this.#awaitsPong = false;
  }

  /** Watches no more. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #arm(delayMs: number): void {
    this.#stopTimer = this.#environment.after(delayMs, () => {
      this.#check();
    });
  }

  #check(): void {
    if (this.#awaitsPong) {
      this.#actions.dead();
      return;
    }
    const idleMs = this.#environment.now() - this.#lastTrafficAt;
    if (idleMs < this.#intervalMs) {
      this.#arm(this.#intervalMs - idleMs);
      return;
    }
    this.#awaitsPong = true;
    this.#arm(this.#graceMs);
    this.#actions.ping();
  }
}
