/**
 * A peer that speaks WebSocket by hand over `net`: every bit of a frame can be wrong, frames can share
 * a TCP segment with the handshake or come byte by byte, and nothing is answered unless asked for.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** Kinds of frames (RFC 6455, section 11.8). */
export const Opcode = {
  Continuation: 0x0,
  Text: 0x1,
  Binary: 0x2,
  Close: 0x8,
  Ping: 0x9,
  Pong: 0xa,
} as const;

/** What a frame may have wrong. */
export interface FrameOptions {
  /** Default: text. */
  readonly opcode?: number;
  /** Whether it is the last of its message. Default true. */
  readonly fin?: boolean;
  /** The three reserved bits, as a number from 0 to 7. Default 0. */
  readonly rsv?: number;
  /** Whether it is masked, as a client's has to be. Default true. */
  readonly masked?: boolean;
  /** The length it claims to have, whatever the payload. Default: the payload's. */
  readonly claimedLength?: bigint;
}

/** The bytes of one frame. */
export function frameBytes(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = Opcode.Text, fin = true, rsv = 0, masked = true } = options;
  const body = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  const length = options.claimedLength ?? BigInt(body.length);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const head = Buffer.concat([Buffer.from([first]), lengthBytes(length, masked)]);
  if (!masked) return Buffer.concat([head, body]);
  const mask = randomBytes(4);
  for (let index = 0; index < body.length; index += 1) {
    body[index] = (body[index] ?? 0) ^ (mask[index % 4] ?? 0);
  }
  return Buffer.concat([head, mask, body]);
}

/** The bytes of a close frame. */
export function closeBytes(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return frameBytes(Buffer.concat([payload, Buffer.from(reason)]), { opcode: Opcode.Close });
}

function lengthBytes(length: bigint, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0;
  if (length < 126n) return Buffer.from([bit | Number(length)]);
  if (length < 65_536n) {
    const bytes = Buffer.from([bit | 126, 0, 0]);
    bytes.writeUInt16BE(Number(length), 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9);
  bytes[0] = bit | 127;
  bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

/** How a raw socket connects. */
export interface RawSocketOptions {
  /** Default `/realtime`. */
  readonly path?: string;
  /** The value of `Sec-WebSocket-Protocol`; absent: no such header. */
  readonly protocols?: string;
  /** More header lines. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes that go out in the same write as the handshake. */
  readonly first?: Buffer;
  /** Whether pings are answered. Default true. */
  readonly answersPings?: boolean;
  /** Whether a close is answered. Default true. */
  readonly answersClose?: boolean;
}

/** A frame that came. */
export interface RawFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Buffer;
}

/** One TCP connection to a server. */
export class RawSocket {
  /** Status of the HTTP answer; 0 until it came. */
  status = 0;
  /** Header lines of the HTTP answer, names in lower case. */
  readonly headers = new Map<string, string>();
  /** Frames that came, in order. */
  readonly frames: RawFrame[] = [];
  /** Settles when the TCP connection has ended. */
  readonly ended: Promise<void>;
  answersPings: boolean;
  answersClose: boolean;
  #bytes = Buffer.alloc(0);
  #isUpgraded = false;
  #answered!: () => void;
  /** Settles when the HTTP answer's head came, or the connection ended without. */
  readonly answered: Promise<void>;

  private constructor(
    readonly socket: Socket,
    private readonly key: string,
    options: RawSocketOptions,
  ) {
    this.answersPings = options.answersPings ?? true;
    this.answersClose = options.answersClose ?? true;
    this.answered = new Promise((resolve) => {
      this.#answered = resolve;
    });
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#answered();
        resolve();
      });
    });
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      if (!this.#isUpgraded) this.#readHead();
      if (this.#isUpgraded) this.#readFrames();
    });
  }

  /** Opens a TCP connection and asks for the upgrade, without waiting for the answer. */
  static dial(port: number, options: RawSocketOptions = {}): RawSocket {
    const key = randomBytes(16).toString('base64');
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const raw = new RawSocket(socket, key, options);
    const { path = '/realtime', protocols, headers = {}, first = Buffer.alloc(0) } = options;
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      ...(protocols === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocols}`]),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), first]));
    return raw;
  }

  /** The same, and waits for the answer. */
  static async connect(port: number, options: RawSocketOptions = {}): Promise<RawSocket> {
    const raw = RawSocket.dial(port, options);
    await raw.answered;
    return raw;
  }

  /** Text messages that came. */
  get texts(): string[] {
    return this.frames
      .filter(({ opcode }) => opcode === Opcode.Text)
      .map(({ payload }) => payload.toString('utf8'));
  }

  /** The close that came, if one did. */
  get close(): { readonly code: number; readonly reason: string } | undefined {
    const frame = this.frames.find(({ opcode }) => opcode === Opcode.Close);
    if (frame === undefined) return undefined;
    const { payload } = frame;
    if (payload.length < 2) return { code: 1005, reason: '' };
    return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) };
  }

  /** The body of an HTTP answer that is no upgrade, as far as it came. */
  get body(): string {
    return this.#isUpgraded ? '' : this.#bytes.toString('utf8');
  }

  /** Whether the answer proves that the server read our key. */
  get isProved(): boolean {
    const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    const proof = createHash('sha1').update(`${this.key}${guid}`).digest('base64');
    return this.headers.get('sec-websocket-accept') === proof;
  }

  /** Sends bytes as they are. */
  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Sends one frame. */
  send(payload: string | Buffer, options: FrameOptions = {}): void {
    this.write(frameBytes(payload, options));
  }

  /** Resets the connection: the server sees ECONNRESET. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #readHead(): void {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0 || this.status !== 0) return;
    const [statusLine = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n');
    this.status = Number(statusLine.split(' ')[1]);
    for (const line of lines) {
      const colon = line.indexOf(':');
      this.headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#isUpgraded = this.status === 101;
    this.#answered();
  }

  #readFrames(): void {
    for (let frame = this.#takeFrame(); frame !== undefined; frame = this.#takeFrame()) {
      this.frames.push(frame);
      if (frame.opcode === Opcode.Ping && this.answersPings) {
        this.send(frame.payload, { opcode: Opcode.Pong });
      }
      if (frame.opcode === Opcode.Close && this.answersClose) {
        this.send(frame.payload, { opcode: Opcode.Close });
        this.socket.end();
      }
    }
  }

  /** A server's frames are never masked. */
  #takeFrame(): RawFrame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] ?? 0) & 0x7f;
    const headLength = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length < headLength) return undefined;
    const length =
      short === 127
        ? Number(bytes.readBigUInt64BE(2))
        : short === 126
          ? bytes.readUInt16BE(2)
          : short;
    if (bytes.length < headLength + length) return undefined;
    const first = bytes[0] ?? 0;
    this.#bytes = bytes.subarray(headLength + length);
    return {
      opcode: first & 0x0f,
      fin: (first & 0x80) !== 0,
      payload: Buffer.from(bytes.subarray(headLength, headLength + length)),
    };
  }
}
