/** How frames become text and text becomes frames. `JSON` is one. */
export interface JsonCodec {
  /**
   * The value of a JSON text.
   *
   * @throws Error (any) if it is none.
   */
  readonly parse: (text: string) => unknown;
  /**
   * The JSON text of a value.
   *
   * @throws Error (any) if it has none: the call fails with `invalid-payload`.
   */
  readonly stringify: (value: unknown) => string;
}
