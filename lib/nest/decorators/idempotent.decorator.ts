import { SetMetadata } from '@nestjs/common';

/** Metadata key of handlers that may run once only. */
export const REALTIME_IDEMPOTENT_METADATA = 'realtime:idempotent';

/**
 * Marks a `@SubscribeMessage()` handler whose requests take effect once, however often they are sent:
 * an order, a payment, a move in a game.
 *
 * A request that is repeated with the same id by the same client (user and `clientKey`) does not run
 * the handler again: it gets the first reply, byte for byte, also where the first run still goes on,
 * or ended with an error. The SDK repeats such requests by itself after its connection broke. The
 * window is two minutes from the reply and 1 000 requests a client (`memory.operations`).
 *
 * - A retryable error (`rate-limited`, `timeout`, `unavailable`) says that nothing was done: it is not
 *   remembered, and the next repeat runs the handler.
 * - The handler is not aborted when its connection breaks, only when the client cancels. A cancelled
 *   run that fails is not remembered; one that comes to its end all the same is.
 * - A repeat waits at most a minute for the first run (`memory.replies.leaseMs`); then it is refused
 *   with `timeout`: the effect is not known yet, ask again with the same id.
 * - A reply of more than 64 KiB (`memory.replies.maxReplyBytes`) is sent once. Repeats are refused with
 *   `not-idempotent`, without running the handler.
 * - It returns a value, not a stream: streams cannot be repeated.
 */
export const Idempotent = (): MethodDecorator => SetMetadata(REALTIME_IDEMPOTENT_METADATA, true);
