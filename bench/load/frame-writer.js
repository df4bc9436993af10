/** Frames of a WebSocket client: masked, as every client has to. */

/** The mask of every frame. Not zero: servers may skip unmasking then. */
const MASK = [0x37, 0xfa, 0x21, 0x3d];
const MASKED = 0x80;
const FINAL = 0x80;
const TEXT = 0x1;
const PONG = 0xa;
/** Payloads of up to this many bytes have their length in the second byte. */
const SHORT = 125;

/** A masked text frame. */
export function textFrame(text) {
  return frame(TEXT, Buffer.from(text));
}

/** A masked pong with the payload of the ping. */
export function pongFrame(payload) {
  return frame(PONG, payload);
}

function frame(opcode, payload) {
  const { length } = payload;
  const head = Buffer.from([FINAL | opcode, ...lengthBytes(length), ...MASK]);
  const bytes = Buffer.concat([head, payload]);
  const start = head.length;
  for (let index = 0; index < length; index += 1) bytes[start + index] ^= MASK[index & 3];
  return bytes;
}

function lengthBytes(length) {
  if (length <= SHORT) return [length | MASKED];
  if (length < 65_536) return [126 | MASKED, length >> 8, length & 255];
  const rest = [24, 16, 8, 0].map((shift) => (length >>> shift) & 255);
  return [127 | MASKED, 0, 0, 0, 0, ...rest];
}

/** First id of {@link RequestWriter}; all have as many digits. */
const FIRST_ID = 10_000_000;
const ID_DIGITS = 8;

/** Writes the same request with rising ids, without encoding it anew each time. */
export class RequestWriter {
  #next = FIRST_ID;
  #template;
  #idAt;
  #maskAt;

  /** @param {(id: number) => string} requestText the text of a request by its id. */
  constructor(requestText) {
    const text = requestText(FIRST_ID);
    this.#template = textFrame(text);
    const start = this.#template.length - Buffer.byteLength(text);
    const index = text.indexOf(String(FIRST_ID));
    this.#idAt = index < 0 ? -1 : start + index;
    this.#maskAt = index;
  }

  /** The next `count` requests as one buffer. */
  next(count) {
    const { length } = this.#template;
    const bytes = Buffer.allocUnsafe(length * count);
    for (let index = 0; index < count; index += 1) {
      bytes.set(this.#template, index * length);
      if (this.#idAt >= 0) this.#writeId(bytes, index * length + this.#idAt);
    }
    return bytes;
  }

  #writeId(bytes, at) {
    let rest = this.#next;
    this.#next += 1;
    for (let digit = ID_DIGITS - 1; digit >= 0; digit -= 1) {
      bytes[at + digit] = (48 + (rest % 10)) ^ MASK[(this.#maskAt + digit) & 3];
      rest = Math.floor(rest / 10);
    }
  }
}
