import type { Clock } from '../core/index.js';
import type { HttpRefusal } from './http-refusal.js';

/** How many may come, and from where. Each bound is on by default. */
export interface AdmissionLimits {
  /**
   * Connection attempts a second that one address may make on average. Default 50. Stops brute force
   * and reconnect loops. Addresses behind one NAT share it: raise it for large offices.
   */
  readonly attemptsPerSecond: number;
  /** Attempts that one address may make at once after a rest. Default 200. */
  readonly attemptBurst: number;
  /** Open connections of one address. Default 1 000. */
  readonly connectionsPerIp: number;
  /**
   * Upgrades that are being decided at once; ten times as many TCP connections may be without their
   * first headers. Default 1 000. Stops a flood from piling up at the verifier, and slow senders from
   * holding sockets.
   */
  readonly pendingUpgrades: number;
  /** Open connections of this node. Default 100 000. */
  readonly connections: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = {
  attemptsPerSecond: 50,
  attemptBurst: 200,
  connectionsPerIp: 1_000,
  pendingUpgrades: 1_000,
  connections: 100_000,
};

/** Addresses whose attempts are remembered. Beyond, those that have been quiet longest are forgotten. */
const MAX_ADDRESSES = 100_000;

interface AddressState {
  /** Attempts it may make at `at`. */
  tokens: number;
  at: number;
  open: number;
}

/**
 * Counts attempts and connections by address, and says no before anything of a request was parsed.
 * A token bucket an address; memory is bounded by the number of addresses remembered.
 */
export class ConnectionLimits {
  readonly #addresses = new Map<string, AddressState>();
  #open = 0;
  #pending = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: AdmissionLimits,
  ) {}

  /** Connections that are open or being decided. */
  get open(): number {
    return this.#open;
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /**
   * Asks for a place. Returns why not, or `undefined` for yes; then {@link settled} has to be called
   * when the upgrade is decided and {@link left} when the connection (or the attempt) has ended.
   */
  enter(ip: string): HttpRefusal | undefined {
    const state = this.#state(ip);
    const { attemptsPerSecond, connectionsPerIp, connections, pendingUpgrades } = this.limits;
    if (state.tokens < 1) {
      return tooMany(Math.ceil((1 - state.tokens) / attemptsPerSecond), 'too many attempts');
    }
    state.tokens -= 1;
    if (state.open >= connectionsPerIp) return tooMany(5, 'too many connections of this address');
    if (this.#open >= connections || this.#pending >= pendingUpgrades) {
      return {
        status: 503,
        code: 'unavailable',
        message: 'the server is full',
        retryAfterSeconds: 5,
      };
    }
    state.open += 1;
    this.#open += 1;
    this.#pending += 1;
    return undefined;
  }

  /** The upgrade was decided, either way. */
  settled(): void {
    this.#pending -= 1;
  }

  /** The place is free again. */
  left(ip: string): void {
    this.#open -= 1;
    const state = this.#addresses.get(ip);
    if (state !== undefined) state.open -= 1;
  }

  /** The address's state with its bucket filled up to now, moved to the end of the order of use. */
  #state(ip: string): AddressState {
    const now = this.clock.now();
    const { attemptsPerSecond, attemptBurst } = this.limits;
    const known = this.#addresses.get(ip);
    const state = known ?? { tokens: attemptBurst, at: now, open: 0 };
    const gained = ((now - state.at) / 1_000) * attemptsPerSecond;
    state.tokens = Math.min(attemptBurst, state.tokens + gained);
    state.at = now;
    this.#addresses.delete(ip);
    this.#addresses.set(ip, state);
    if (known === undefined) this.#forget();
    return state;
  }

  /** Forgets addresses without connections, from the quietest on; a few looks a call. */
  #forget(): void {
    let looks = 16;
    for (const [ip, state] of this.#addresses) {
      if (this.#addresses.size <= MAX_ADDRESSES || looks === 0) return;
      looks -= 1;
      this.#addresses.delete(ip);
      if (state.open > 0) this.#addresses.set(ip, state);
    }
  }
}

function tooMany(retryAfterSeconds: number, message: string): HttpRefusal {
  return { status: 429, code: 'rate-limited', message, retryAfterSeconds };
}
