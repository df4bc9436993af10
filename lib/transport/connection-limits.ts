import { RateBucket, type Clock } from '../core/index.js';
import { addressGroup } from './address-group.js';
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
   * Leading bits by which IPv6 addresses count as one for every limit by address. Integer from 1 to 128.
   * Default 64, of which each machine has a network of its own; 56 or 48 where attackers have larger ones;
   * 128: each address by itself. IPv4-mapped addresses count as the IPv4 address in them. Stops one
   * machine from having as many attempts as its network has addresses.
   */
  readonly ipv6PrefixLength: number;
  /**
   * Upgrades that are being decided at once; ten times as many TCP connections may be without their
   * first headers. Default 1 000. Stops a flood from piling up at the verifier, and slow senders from
   * holding sockets.
   */
  readonly pendingUpgrades: number;
  /** Open connections of this node. Default 100 000. */
  readonly connections: number;
  /**
   * Upgrades a second that this node admits on average, from all addresses together. Integer, at least
   * 0. Default 1 000: at half a millisecond each they take half a core, and the rest is for those who
   * are there. 0: no bound. The surplus gets 503 before anything of it was parsed. Stops the clients of
   * a node that died from taking its neighbours with them, and from asking for as many verifications.
   */
  readonly upgradesPerSecond: number;
  /** Upgrades that it admits at once after a rest. Integer, at least 1. Default 2 000. Without effect if {@link upgradesPerSecond} is 0. */
  readonly upgradeBurst: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = {
  attemptsPerSecond: 50,
  attemptBurst: 200,
  connectionsPerIp: 1_000,
  ipv6PrefixLength: 64,
  pendingUpgrades: 1_000,
  connections: 100_000,
  upgradesPerSecond: 1_000,
  upgradeBurst: 2_000,
};

/**
 * Seconds over which programs that obey `Retry-After` are spread when more come at once than are
 * admitted: told the same, they would all come back at once again.
 */
const RETRY_SPREAD_SECONDS = 10;

/** What it costs an address when one of its connections is closed with 4429. */
const ATTEMPTS_PER_OFFENCE = 25;
/** Nobody is kept out for longer, as others may share the address. */
const LONGEST_PENALTY_SECONDS = 10;

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
  /** Upgrades from all addresses; absent: no bound. */
  readonly #upgrades: RateBucket | undefined;
  #surplus = 0;
  #open = 0;
  #pending = 0;

  constructor(
    private readonly clock: Clock,
    private readonly limits: AdmissionLimits,
  ) {
    const { upgradesPerSecond: limit, upgradeBurst: burst } = limits;
    if (limit > 0) this.#upgrades = new RateBucket({ limit, perMs: 1_000, burst });
  }

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
      return unavailable(5, 'the server is full');
    }
    const now = this.clock.now();
    if ((this.#upgrades?.waitMs(now, 1) ?? 0) > 0) return this.#refuseSurplus();
    this.#upgrades?.take(now, 1);
    state.open += 1;
    this.#open += 1;
    this.#pending += 1;
    return undefined;
  }

  /** One after the other, each of them is told another time. */
  #refuseSurplus(): HttpRefusal {
    this.#surplus = (this.#surplus % RETRY_SPREAD_SECONDS) + 1;
    return unavailable(this.#surplus, 'too many connect at once');
  }

  /** The upgrade was decided, either way. */
  settled(): void {
    this.#pending -= 1;
  }

  /**
   * A connection of the address was closed because it asked for too much: that counts as so many
   * attempts. Who comes back at once instead of waiting is refused with 429 before long.
   */
  penalise(ip: string): void {
    const state = this.#state(ip);
    const least = -LONGEST_PENALTY_SECONDS * this.limits.attemptsPerSecond;
    state.tokens = Math.max(least, state.tokens - ATTEMPTS_PER_OFFENCE);
  }

  /** The place is free again. */
  left(ip: string): void {
    this.#open -= 1;
    const state = this.#addresses.get(this.#group(ip));
    if (state !== undefined) state.open -= 1;
  }

  /** The address's state with its bucket filled up to now, moved to the end of the order of use. */
  #state(ip: string): AddressState {
    const group = this.#group(ip);
    const now = this.clock.now();
    const { attemptsPerSecond, attemptBurst } = this.limits;
    const known = this.#addresses.get(group);
    const state = known ?? { tokens: attemptBurst, at: now, open: 0 };
    const gained = ((now - state.at) / 1_000) * attemptsPerSecond;
    state.tokens = Math.min(attemptBurst, state.tokens + gained);
    state.at = now;
    this.#addresses.delete(group);
    this.#addresses.set(group, state);
    if (known === undefined) this.#forget();
    return state;
  }

  #group(ip: string): string {
    return addressGroup(ip, this.limits.ipv6PrefixLength);
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

function unavailable(retryAfterSeconds: number, message: string): HttpRefusal {
  return { status: 503, code: 'unavailable', message, retryAfterSeconds };
}
