import type { Outgoing } from './node-dependencies.js';
import type { Clock, Publication, Random } from './ports/index.js';

/** A message on its way, with the name and the time that it gets here. */
export function publicationOf(
  { event, payload, except, latest }: Outgoing,
  { random, clock }: { readonly random: Random; readonly clock: Clock },
): Publication {
  return {
    id: random.id(),
    event,
    timestamp: clock.now(),
    ...(payload === undefined ? {} : { payload }),
    ...(except === undefined || except.length === 0 ? {} : { except }),
    ...(latest === undefined ? {} : { latest }),
  };
}
