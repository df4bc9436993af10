/** Who gets in to the reference application, and where it waits until a dialogue lets it go on. */
import type { RealtimeUser } from '../../../lib/core/index.js';
import type { VerifiedUser } from '../../../lib/nest/index.js';
import type { ManualClock } from '../../../lib/testing/index.js';

/** Life of `token-ada-60s`, in milliseconds. */
export const SHORT_LIFE_MS = 60_000;

/** Places where the application waits until a dialogue lets it go on. */
export class Gates {
  readonly #open = new Map<string, (() => void)[]>();
  readonly #arrivals = new Map<string, (() => void)[]>();

  /** Waits to be released. */
  wait(name: string): Promise<void> {
    return new Promise((resolve) => {
      push(this.#open, name, resolve);
      this.#arrivals.get(name)?.shift()?.();
    });
  }

  /** Lets the one go on that has waited longest; if there is none yet, the next one that comes. */
  async release(name: string): Promise<void> {
    if ((this.#open.get(name)?.length ?? 0) === 0) {
      await new Promise<void>((resolve) => push(this.#arrivals, name, resolve));
    }
    this.#open.get(name)?.shift()?.();
  }
}

function push<T>(lists: Map<string, T[]>, name: string, item: T): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [item]);
  else list.push(item);
}

/** A user of the reference application. */
export interface ReferenceUser extends RealtimeUser {
  /** Whether the credentials grant any room at all. */
  readonly hasRooms: boolean;
}

/** Tokens, and what is known of those who show them. */
export class Credentials {
  readonly #forbidden = new Set<string>();

  constructor(
    private readonly clock: ManualClock,
    private readonly gates: Gates,
    /** Whom `token-ada` stands for; `null`: nobody gets in. */
    private readonly user: string | null,
  ) {}

  /** See `auth.verify`. */
  async verify(token: string): Promise<VerifiedUser> {
    const bob: ReferenceUser = { id: 'bob', hasRooms: true };
    if (token === 'token-bob') return { user: bob };
    if (this.user === null) return undefined;
    const user: ReferenceUser = { id: this.user, hasRooms: token !== 'token-ada-outside' };
    switch (token) {
      case 'token-ada-slow':
        await this.gates.wait('verifier');
        return { user };
      case 'token-ada':
      case 'token-ada-outside':
        return { user };
      case 'token-ada-60s': {
        const issuedAt = this.clock.now();
        return { user, issuedAt, expiresAt: issuedAt + SHORT_LIFE_MS };
      }
      default:
        return undefined;
    }
  }

  /** Takes a right away. */
  forbid(userId: string, room: string): void {
    this.#forbidden.add(`${userId} ${room}`);
  }

  /** Whether a user may be in a room. */
  allows(user: ReferenceUser, room: string): boolean {
    return user.hasRooms && room !== 'chat/secret' && !this.#forbidden.has(`${user.id} ${room}`);
  }
}
