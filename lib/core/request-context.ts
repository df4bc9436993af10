/** One request while it is being answered. */
export class RequestContext {
  #abort: AbortController | undefined;
  #cancelled = false;

  constructor(
    /** The client's name of the request. Untrusted. */
    readonly id: string,
    /** Untrusted. */
    readonly event: string,
    /** Untrusted: validate it before use. `undefined` when the request had none. */
    readonly payload: unknown,
  ) {}

  /** Aborts when the client cancels or its connection ends. Made on first use: most handlers need none. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#cancelled) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Whether the client has cancelled it, or is gone. */
  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Makes {@link signal} abort. */
  cancel(): void {
    this.#cancelled = true;
    this.#abort?.abort();
  }
}
