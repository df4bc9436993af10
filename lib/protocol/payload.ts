/**
 * An application payload that is known to be valid JSON, kept as the text it came in, so that a
 * server passes it on without serialising it again: what the publisher sent is, byte for byte, what
 * the subscribers get.
 */
export class Payload {
  private constructor(
    /** The JSON text, exactly as it was received or as `JSON.stringify` made it. */
    readonly text: string,
    /** What {@link text} was made from or parses to. Shared: do not change it. */
    readonly value: unknown,
  ) {}

  /**
   * A payload from an application's value.
   *
   * @returns `undefined` for values that JSON leaves out (`undefined`, functions, symbols).
   * @throws TypeError if the value has a cycle or a BigInt, as `JSON.stringify` does.
   */
  static of(value: unknown): Payload | undefined {
    // The declared type hides that `undefined`, functions and symbols have no JSON text.
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : new Payload(text, value);
  }

  /** A payload from JSON text and the value that `JSON.parse` gave for exactly this text. */
  static parsed(text: string, value: unknown): Payload {
    return new Payload(text, value);
  }
}
