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
  /** Milliseconds one may take; then it counts as failed and its place is free. */
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
    if (this.#limit.pendingCount >= this.bounds.waiting) throw unavailable();
    return this.#limit(() =>
      withDeadline(
        this.clock,
        this.bounds.timeoutMs,
        this.verifier.verify(token, handshake),
        unavailable,
      ),
    );
  }
}

function unavailable(): RealtimeError {
  return new RealtimeError(ErrorCode.Unavailable, 'credentials cannot be checked now');
}
