/**
 * How frames become text and text becomes frames. `JSON` is one. The text is JSON of the frame itself, with its
 * fields at the top and nothing after its last brace: whoever puts something around it is not understood.
 */
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
