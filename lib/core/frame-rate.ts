import { CloseCode, ErrorCode, peekClientFrame } from '../protocol/index.js';
import { errorFrame } from './error-frame.js';
import { RealtimeError } from './errors.js';
import type { CoreLimits } from './limits.js';
import type { Outbox } from './outbox.js';
import type { Clock } from './ports/index.js';
import { RateBucket } from './rate-bucket.js';

/** What a frame rate needs to know. */
export type FrameRateLimits = Pick<
  CoreLimits,
  'messagesPerSecond' | 'messageBurst' | 'bytesPerSecond' | 'byteBurst'
>;

/** The connection, as far as it is told. */
export interface Limited {
  readonly outbox: Outbox;
  close(code: number, reason: string): void;
}

/**
 * Frames that only give something back. To refuse one would stall what goes on, and their id is not
 * theirs to be answered under; they cost next to nothing, and count as refused all the same.
 */
const RELEASING: ReadonlySet<string | undefined> = new Set([
  'cancel',
  'credit',
  'response',
  'error',
  'unsubscribe',
]);

/** What the SDK has in flight at most: who sent that much at once did not yet know that it was too much. */
const LEAST_REFUSED_MESSAGES = 1_000;
/** What the SDK has waiting to be sent at most. */
const LEAST_REFUSED_BYTES = 4_194_304;

/**
 * How fast one peer sends, in frames and in bytes. Says no before a frame is decoded; for a frame that
 * is taken it does arithmetic and nothing else.
 *
 * A peer that has been refused as many frames as `messageBurst` (but 1 000 at least), or as many bytes as
 * `byteBurst` (but 4 MiB at least), and sends the next one too soon as well, goes on regardless: its
 * connection ends with 4429. All is forgiven when it has rested until its bursts are whole again.
 */
export class FrameRate {
  readonly #messages: RateBucket | undefined;
  readonly #bytes: RateBucket | undefined;
  #refusedMessages = 0;
  #refusedBytes = 0;

  constructor(
    private readonly connection: Limited,
    private readonly clock: Clock,
    private readonly limits: FrameRateLimits,
  ) {
    this.#messages = bucketOf(limits.messagesPerSecond, limits.messageBurst);
    this.#bytes = bucketOf(limits.bytesPerSecond, limits.byteBurst);
  }

  /** Whether a frame is to be handled. If not, the peer has been told. */
  admits(message: string | Uint8Array, bytes: number): boolean {
    const now = this.clock.now();
    const waitMs = Math.max(
      this.#messages?.waitMs(now, 1) ?? 0,
      this.#bytes?.waitMs(now, bytes) ?? 0,
    );
    if (waitMs > 0) return this.#refuse(message, bytes, waitMs);
    if (this.#refusedMessages > 0) this.#forgive(now);
    this.#messages?.take(now, 1);
    this.#bytes?.take(now, bytes);
    return true;
  }

  #forgive(now: number): void {
    if (this.#messages?.isRested(now) === false || this.#bytes?.isRested(now) === false) return;
    this.#refusedMessages = 0;
    this.#refusedBytes = 0;
  }

  #refuse(message: string | Uint8Array, bytes: number, retryAfterMs: number): boolean {
    if (this.#goesOnRegardless()) {
      this.connection.close(CloseCode.TooManyRequests, 'too many frames');
      return false;
    }
    this.#refusedMessages += 1;
    this.#refusedBytes += bytes;
    const { type, id } = peekClientFrame(message);
    if (RELEASING.has(type)) return true;
    const error = new RealtimeError(ErrorCode.RateLimited, 'too many frames', { retryAfterMs });
    this.connection.outbox.send(errorFrame(error, id));
    return false;
  }

  #goesOnRegardless(): boolean {
    const { messageBurst, byteBurst } = this.limits;
    return (
      this.#refusedMessages >= Math.max(messageBurst, LEAST_REFUSED_MESSAGES) ||
      this.#refusedBytes >= Math.max(byteBurst, LEAST_REFUSED_BYTES)
    );
  }
}

/** `undefined`: no bound. */
function bucketOf(limit: number, burst: number): RateBucket | undefined {
  return limit === 0 ? undefined : new RateBucket({ limit, perMs: 1_000, burst });
}
