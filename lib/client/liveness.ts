import type { ConnectedFrame } from '../protocol/index.js';
import type { Environment } from './environment.js';

/** Between two looks at the clock. Milliseconds. */
const TICK_MS = 10_000;
/**
 * A timer that is later than this slept, or its page did, or was busy: an answer may be there unread. Half
 * of what browsers make the timers of a background tab wait for each other. Milliseconds.
 */
const SLEPT_MS = 500;
/** How long a connection that may be dead has to answer. Milliseconds. */
const PROBE_MS = 5_000;

/** What {@link Liveness} does about silence. */
export interface LivenessActions {
  /** Ask the server for a sign of life. */
  readonly ping: () => void;
  /** Nothing came: the connection is dead. */
  readonly dead: () => void;
  /** Bytes that were sent and have not left this machine; 0 also where the runtime does not say. */
  readonly unsent: () => number;
}

/**
 * Notices a server that went silent. Browsers answer the protocol's pings without the page seeing
 * them, so after `intervalMs` without traffic the client asks with a `ping` frame of its own, and
 * after `timeoutMs` without traffic gives the connection up. A machine that slept, which its clock
 * tells, asks at once. One timer; traffic only notes the time.
 *
 * A ping waits behind what was sent before it. So an upload that gets on is a sign of life: at each look,
 * every {@link TICK_MS} at most, bytes wait, and fewer than at the look before. The last look, when none
 * wait any more, tells nothing: the system takes a few frames even for a link that is dead.
 *
 * Dead is only what left a ping unanswered, and never by a timer that came late: a background tab's
 * timers run minutes late, and the silence they find then says nothing about the link.
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
    if (intervalMs > 0) this.#arm(Math.min(intervalMs, TICK_MS));
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

  /** Asks at once: the connection may be dead. */
  probe(withinMs = PROBE_MS): void {
    this.#awaitsPong = true;
    this.#arm(withinMs);
    this.#actions.ping();
  }

  #arm(delayMs: number): void {
    const { after, date } = this.#environment;
    const { unsent } = this.#actions;
    const due = date() + delayMs;
    // Without the ping that may follow: its own leaving is no progress.
    const before = unsent();
    this.stop();
    this.#stopTimer = after(delayMs, () => {
      const left = unsent();
      if (left && left < before) this.touch();
      this.#check(date() - due > SLEPT_MS);
    });
  }

  #check(hasSlept: boolean): void {
    const quietMs = this.#intervalMs - this.#environment.now() + this.#lastTrafficAt;
    if (hasSlept) this.probe();
    else if (this.#awaitsPong) this.#actions.dead();
    else if (quietMs > 0) this.#arm(Math.min(quietMs, TICK_MS));
    else if (this.#intervalMs > 0) this.probe(this.#graceMs);
  }
}
