/**
 * Chooses which of the calls that wait, the oldest first, gives way to a new one; asked again as long as
 * that does not suffice. `undefined` when none does: then the new one fails.
 */
export type DropPolicy = <Waiting>(waiting: readonly Waiting[]) => Waiting | undefined;

/** For `buffer.whenFull`: those that have waited longest fail. */
export const dropOldest: DropPolicy = (waiting) => waiting[0];

/** For `buffer.whenFull`: those that have waited shortest fail. */
export const dropNewest: DropPolicy = (waiting) => waiting.at(-1);
