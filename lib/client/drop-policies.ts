/**
 * Chooses which of the calls that wait, the oldest first, gives way to a new one, and takes it out of the
 * list. `undefined` when none does: then the new one fails.
 */
export type DropPolicy = <Waiting>(waiting: Waiting[]) => Waiting | undefined;

/** For `buffer.whenFull`: those that have waited longest fail. */
export const dropOldest: DropPolicy = (waiting) => waiting.shift();

/** For `buffer.whenFull`: those that have waited shortest fail. */
export const dropNewest: DropPolicy = (waiting) => waiting.pop();
