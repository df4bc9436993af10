/**
 * Reads a server's frames from a stream. Large text frames are counted by their headers and never
 * decoded, because the load must cost less than the server; small ones, and all of them until
 * {@link FrameReader#countLarge}, are handed on as they are.
 */
export class FrameReader {
  /** Bytes of a counted frame that are still to come. */
  #skip = 0;
  /** The begin of a frame that is not whole yet. */
  #rest = undefined;
  #countsLarge = false;

  /**
   * @param {(opcode: number, payload: Buffer) => void} onFrame a frame that is handed on. The payload is
   * only good for the turn.
   * @param {((bytes: Buffer, start: number, end: number) => void) | undefined} onSample sees each counted
   * frame that is whole in what was read.
   */
  constructor(onFrame, onSample) {
    this.onFrame = onFrame;
    this.onSample = onSample;
  }

  /** From now on large text frames are counted only. */
  countLarge() {
    this.#countsLarge = true;
  }

  /** Takes bytes and returns how many large frames began in them. */
  read(chunk, chunkLength) {
    let bytes = chunk;
    let length = chunkLength;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk.subarray(0, chunkLength)]);
      length = bytes.length;
      this.#rest = undefined;
    }
    let at = Math.min(this.#skip, length);
    this.#skip -= at;
    let count = 0;
    while (at < length) {
      const head = headLength(bytes, at, length);
      if (head === 0) return this.#keep(bytes, at, length, count);
      const payload = payloadLength(bytes, at, head);
      const end = at + head + payload;
      if (this.#countsLarge && payload >= LARGE_BYTES && (bytes[at] & OPCODE) <= BINARY) {
        count += 1;
        if (end <= length) this.onSample?.(bytes, at + head, end);
        else this.#skip = end - length;
      } else if (end <= length) {
        this.onFrame(bytes[at] & OPCODE, bytes.subarray(at + head, end));
      } else {
        return this.#keep(bytes, at, length, count);
      }
      at = end;
    }
    return count;
  }

  #keep(bytes, at, length, count) {
    // Copied: the buffer is used again for the next read of any connection.
    this.#rest = Buffer.from(bytes.subarray(at, length));
    return count;
  }
}

/** Every payload of the benchmark is longer, every frame of housekeeping shorter. */
const LARGE_BYTES = 128;
const OPCODE = 0xf;
const BINARY = 2;

/** Bytes of a frame's header; 0 if it is not whole. Servers do not mask. */
function headLength(bytes, at, length) {
  if (length - at < 2) return 0;
  const short = bytes[at + 1] & 127;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  return length - at < head ? 0 : head;
}

function payloadLength(bytes, at, head) {
  if (head === 2) return bytes[at + 1] & 127;
  if (head === 4) return bytes.readUInt16BE(at + 2);
  return Number(bytes.readBigUInt64BE(at + 2));
}
