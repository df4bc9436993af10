import type { Clock, RevocationRule, Session } from './ports/index.js';

/** Whether a rule names a session. A rule without any field names none. */
export function revokes(rule: RevocationRule, session: Session): boolean {
  const { userId, sessionId, tokenId, issuedBefore } = rule;
  const isEmpty = [userId, sessionId, tokenId, issuedBefore].every((field) => field === undefined);
  if (isEmpty) return false;
  if (userId !== undefined && userId !== session.user.id) return false;
  if (sessionId !== undefined && sessionId !== session.id) return false;
  if (tokenId !== undefined && tokenId !== session.tokenId) return false;
  return issuedBefore === undefined || (session.issuedAt ?? -Infinity) < issuedBefore;
}

interface Kept {
  readonly rule: RevocationRule;
  readonly until: number;
}

/**
 * Revocations that still matter: a revoked token must not come back through the door while it would
 * otherwise be good. Rules about a session need no memory, its connection is closed and gone.
 */
export class Revocations {
  #kept: Kept[] = [];

  /**
   * @param keepMs how long a rule is kept; at least the longest life of a token.
   * @param maxRules most rules that are kept; beyond, the oldest is forgotten and `forgot` called.
   */
  constructor(
    private readonly clock: Clock,
    private readonly keepMs: number,
    private readonly maxRules: number,
    private readonly forgot: () => void,
  ) {}

  /** Rules that are kept. */
  get size(): number {
    return this.#kept.length;
  }

  /** Keeps a rule for sessions to come. One about a single session is not: that session never comes back. */
  add(rule: RevocationRule): void {
    if (rule.sessionId !== undefined) return;
    const now = this.clock.now();
    this.#kept = this.#kept.filter(({ until }) => until > now);
    this.#kept.push({ rule, until: now + this.keepMs });
    if (this.#kept.length <= this.maxRules) return;
    this.#kept.shift();
    this.forgot();
  }

  /** Whether a session that wants in is revoked already. */
  has(session: Session): boolean {
    const now = this.clock.now();
    return this.#kept.some(({ rule, until }) => until > now && revokes(rule, session));
  }
}
