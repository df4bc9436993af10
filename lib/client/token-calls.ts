/** The calls of the application's token function: one under way at a time. */
import type { TokenSource } from './token.js';

/**
 * How long the outcome of a call is of use, from the call on, in times of `connectTimeoutMs`: long enough for
 * one that several attempts wait for, with the delays between them; and a call that never settles, as of a
 * request that the network has swallowed, does not keep the client away for good.
 */
const LIFETIME_ATTEMPTS = 6;

/** See the head of this file. */
export interface TokenCalls {
  /**
   * Gets a token, at once if it is fixed: by the call that is under way, or that nobody could use the outcome
   * of; else by a new one. What is used once is not used again, but by those who asked before it was there.
   *
   * @param isGone whether the outcome is of no use any more. Then neither of the others is called.
   */
  readonly take: (
    isGone: () => boolean,
    proceed: (token: string | undefined) => void,
    failed: (cause: unknown) => void,
  ) => void;
  /** The server refuses what it was shown: who asks from now on gets what a later call gives. */
  readonly forget: () => void;
}

/**
 * Calls the source as the head of this file says.
 *
 * @param now milliseconds of a clock that never goes back.
 * @param connectTimeoutMs longest time of an attempt. Default 10,000.
 */
export function tokenCalls(
  source: TokenSource | undefined,
  now: () => number,
  connectTimeoutMs = 10_000,
): TokenCalls {
  /** Under way, or done without anybody who could use the outcome. */
  let latest: Promise<string | undefined> | undefined;
  let staleAt = 0;
  const forget = () => {
    latest = undefined;
  };
  return {
    forget,
    take(isGone, proceed, failed) {
      if (typeof source !== 'function') {
        proceed(source);
        return;
      }
      if (now() >= staleAt) forget();
      const call = (latest ??= begin(source));
      const use =
        <T>(how: (outcome: T) => void) =>
        (outcome: T) => {
          if (isGone()) return;
          if (latest === call) forget();
          how(outcome);
        };
      void call.then(use(proceed), use(failed));
    },
  };

  function begin(ask: Exclude<TokenSource, string>): Promise<string | undefined> {
    staleAt = now() + connectTimeoutMs * LIFETIME_ATTEMPTS;
    // Called inside the promise, so that a function that throws is one that rejects.
    return new Promise((resolve) => {
      resolve(ask());
    });
  }
}
