import { MessageBundle } from '../core/index.js';

/** The head of an unmasked, unfragmented text frame: FIN and opcode 1 (RFC 6455, section 5.2). */
const FIN_TEXT = 0x81;
/** Length fields that say that the length follows in 2 or in 8 bytes. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** A frame that is ready to be written, the text of one that is to be made yet, or a closed bundle. */
export type Outgoing = Buffer | string | MessageBundle;

/** How many bytes stand before a payload of that many bytes. */
function headBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_16) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the head of a frame. Returns where the payload begins. */
function writeHead(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = FIN_TEXT;
  if (payloadBytes < LENGTH_16) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes < 65_536) {
    target[at + 1] = LENGTH_16;
    target[at + 2] = payloadBytes >>> 8;
    target[at + 3] = payloadBytes & 0xff;
    return at + 4;
  }
  target[at + 1] = LENGTH_64;
  target.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), at + 2);
  target.writeUInt32BE(payloadBytes % 2 ** 32, at + 6);
  return at + 10;
}

/** Bytes on the wire. */
export function wireBytes(message: Outgoing): number {
  if (message instanceof MessageBundle) return wireOf(message).byteLength;
  if (typeof message !== 'string') return message.length;
  const bytes = Buffer.byteLength(message);
  return headBytes(bytes) + bytes;
}

/** A frame around the UTF-8 bytes of a text. */
export function frameOf(payload: Uint8Array): Buffer {
  const { byteLength } = payload;
  const frame = Buffer.allocUnsafe(headBytes(byteLength) + byteLength);
  frame.set(payload, writeHead(frame, 0, byteLength));
  return frame;
}

/** The frames of a closed bundle, made once. */
export function wireOf(bundle: MessageBundle): Uint8Array {
  if (bundle.wire === undefined) {
    const frames = bundle.messages.map(frameOf);
    const [first] = frames;
    bundle.wire = first !== undefined && frames.length === 1 ? first : Buffer.concat(frames);
  }
  return bundle.wire;
}

/**
 * Frames one behind the other.
 *
 * @param size bytes that they have together, see {@link wireBytes}.
 */
export function joinFrames(frames: readonly Outgoing[], size: number): Buffer {
  const joined = Buffer.allocUnsafe(size);
  let at = 0;
  for (const frame of frames) {
    if (typeof frame === 'string') {
      const start = writeHead(joined, at, Buffer.byteLength(frame));
      at = start + joined.write(frame, start);
    } else {
      const bytes = frame instanceof MessageBundle ? wireOf(frame) : frame;
      joined.set(bytes, at);
      at += bytes.byteLength;
    }
  }
  return joined;
}
