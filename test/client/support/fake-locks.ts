/** Web Locks, as far as the client uses them: exclusive ones, first come, first served. */
export class FakeLocks {
  readonly #queues = new Map<string, Promise<unknown>>();
  /** Names that are held now. */
  readonly held = new Set<string>();
  /** Whether whoever has to wait is refused, as by a signal that aborts. */
  isImpatient = false;

  readonly request = (async (
    name: string,
    options: unknown,
    callback?: () => unknown,
  ): Promise<unknown> => {
    const run = callback ?? (options as () => unknown);
    if (this.isImpatient && this.held.has(name)) throw new Error('aborted');
    const before = this.#queues.get(name) ?? Promise.resolve();
    const mine = before.then(async () => {
      this.held.add(name);
      try {
        return await run();
      } finally {
        this.held.delete(name);
      }
    });
    this.#queues.set(
      name,
      mine.catch(() => undefined),
    );
    return mine;
  }) as LockManager['request'];
}
