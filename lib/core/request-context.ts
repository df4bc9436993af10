/** One request while it is being answered. */
export class RequestContext {
  #abort: AbortController | undefined;
  #cancelled = false;
  #orphaned = false;

  constructor(
    /** The client's name of the request. Untrusted. */
    readonly id: string,
    /** Untrusted. */
    readonly event: string,
    /** Untrusted: validate it before use. `undefined` when the request had none. */
    readonly payload: unknown,
    /** Whether it goes on without its connection: whoever repeats it gets its reply. */
    readonly isIdempotent = false,
  ) {}

  /**
   * Aborts when the client cancels or, unless the request is idempotent, its connection ends. Made on
   * first use: most handlers need none.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#cancelled) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Whether {@link signal} has aborted, or would have. */
  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Whether nobody waits for its answer any more: it is cancelled, or its connection has ended. */
  get isAbandoned(): boolean {
    return this.#cancelled || this.#orphaned;
  }

  /** Makes {@link signal} abort. */
  cancel(): void {
    this.#cancelled = true;
    this.#abort?.abort();
  }

  /** Its connection has ended. */
  orphan(): void {
    this.#orphaned = true;
    if (!this.isIdempotent) this.cancel();
  }
}
