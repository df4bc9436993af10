import { jsonWithBytes, withBytes } from './bytes.js';
import { parseJson } from './parse-json.js';
import { scanObject } from './scan.js';

/**
 * An application payload that is known to be valid JSON, kept as the text it came in, so that a
 * server passes it on without serialising it again: what the publisher sent is, byte for byte, what
 * the subscribers get.
 */
export class Payload {
  #text: string | undefined;
  /** The frame in whose text it stands, until that is cut out. */
  #frame: string | undefined;
  #value: unknown;
  /** Makes the value; `undefined` once it is there. */
  #load: (() => Promise<unknown>) | undefined;

  private constructor(text: string | undefined, value: unknown, frame?: string) {
    this.#text = text;
    this.#value = value;
    this.#frame = frame;
  }

  /**
   * A payload from JSON text whose value is made when it is wanted.
   *
   * @param load gives what `JSON.parse` would give for the text. Called once at most.
   */
  static later(text: string, load: () => Promise<unknown>): Payload {
    const payload = new Payload(text, undefined);
    payload.#load = load;
    return payload;
  }

  /**
   * A payload from an application's value, which may hold bytes.
   *
   * @returns `undefined` for values that JSON leaves out (`undefined`, functions, symbols).
   * @throws TypeError if the value has a cycle or a BigInt, as `JSON.stringify` does.
   */
  static of(value: unknown): Payload | undefined {
    const text = jsonWithBytes(value);
    return text === undefined ? undefined : new Payload(text, value);
  }

  /** A payload from JSON text and the value that `JSON.parse` gave for exactly this text. Changes the value where it holds bytes. */
  static parsed(text: string, value: unknown): Payload {
    return new Payload(text, withBytes(text, value));
  }

  /**
   * The payload of a frame that was parsed. Its text is looked for when it is wanted: only what is
   * passed on needs it, a handler does not.
   *
   * @param frame text of a JSON object that has a field `payload`.
   */
  static within(frame: string, value: unknown): Payload {
    return new Payload(undefined, withBytes(frame, value), frame);
  }

  /** What {@link text} was made from or parses to. Shared: do not change it. */
  get value(): unknown {
    if (this.#load !== undefined) {
      // Whoever could not wait: as for any other payload, in one go.
      this.#value = withBytes(this.text, parseJson(this.text));
      this.#load = undefined;
    }
    return this.#value;
  }

  /** The value, made without holding up the event loop if it is large. */
  async load(): Promise<unknown> {
    if (this.#load === undefined) return this.#value;
    const loading = this.#load().then((value) => withBytes(this.text, value));
    // Whoever asks meanwhile waits for the same.
    this.#load = () => loading;
    this.#value = await loading;
    this.#load = undefined;
    return this.#value;
  }

  /** The JSON text, exactly as it was received or as `JSON.stringify` made it. */
  get text(): string {
    this.#text ??= cutPayload(this.#frame ?? '');
    this.#frame = undefined;
    return this.#text;
  }
}

/** The text of the last field `payload`: that is the one which counts, as in `JSON.parse`. */
function cutPayload(frame: string): string {
  const fields = scanObject(frame, Infinity);
  const found = typeof fields === 'string' ? [] : fields.filter(({ key }) => key === 'payload');
  const { start, end } = found.at(-1) ?? { start: 0, end: 0 };
  return frame.slice(start, end);
}
