import pLimit from 'p-limit';

import {
  RealtimeError,
  withDeadline,
  type Authentication,
  type Clock,
  type Handshake,
  type TokenVerifier,
} from '../../core/index.js';
import { ErrorCode } from '../../protocol/index.js';

/** What verification may cost at once. */
export interface VerificationBounds {
  /** Verifications that run at once. */
  readonly concurrency: number;
  /** Verifications that may wait for their turn; more are refused as `unavailable`. */
  readonly waiting: number;
  /** Milliseconds one may take, the wait for its turn included; then it counts as failed and its place is free. */
  readonly timeoutMs: number;
}

/**
 * Keeps a slow or hanging verifier from taking the server with it: so many at once, so many waiting,
 * each for so long.
 */
export class BoundedTokenVerifier implements TokenVerifier {
  readonly #limit: ReturnType<typeof pLimit>;

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly clock: Clock,
    private readonly bounds: VerificationBounds,
  ) {
    this.#limit = pLimit(bounds.concurrency);
  }

  async verify(
    token: string | undefined,
    handshake: Handshake,
  ): Promise<Authentication | undefined> {
    const { waiting, timeoutMs } = this.bounds;
    if (this.#limit.pendingCount >= waiting) throw unavailable();
    const endsAt = this.clock.now() + timeoutMs;
    return this.#limit(async () => {
      // Whoever asked has given up by now: a verifier that comes back finds no crowd of the gone.
      const leftMs = endsAt - this.clock.now();
      if (leftMs <= 0) throw unavailable();
      return withDeadline(this.clock, leftMs, this.verifier.verify(token, handshake), unavailable);
    });
  }
}

function unavailable(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'credentials cannot be checked now');
}
