/**
 * A peer made of a bare TCP socket: it sends any bytes it likes and shows what came back, frame by
 * frame. For attacks that a client library would refuse to send or would hide.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** One WebSocket frame as it came. */
export interface ReceivedFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** An HTTP answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What may be wrong with a frame that is made by hand. */
export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  /** RSV1 to RSV3 as the three bits of a number. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** What the frame claims to hold, instead of what it does. */
  readonly claimedLength?: bigint;
}

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The bytes of a client's frame. */
export function frame(content: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = Opcode.text, fin = true, rsv = 0, masked = true, claimedLength } = options;
  const payload = typeof content === 'string' ? Buffer.from(content) : content;
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const maskBit = masked ? 0x80 : 0;
  if (claimedLength !== undefined) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(claimedLength);
    head.push(maskBit | 127, ...length);
  } else if (payload.length < 126) head.push(maskBit | payload.length);
  else if (payload.length < 65_536)
    head.push(maskBit | 126, payload.length >> 8, payload.length & 0xff);
  else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(payload.length));
    head.push(maskBit | 127, ...length);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), payload]);
  const mask = randomBytes(4);
  const hidden = Buffer.from(payload);
  for (let at = 0; at < hidden.length; at += 1)
    hidden[at] = (hidden[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return Buffer.concat([Buffer.from(head), mask, hidden]);
}

/** The bytes of a client's close frame with this code, allowed or not. */
export function closeFrame(code: number, reason = ''): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  return frame(payload, { opcode: Opcode.close });
}

/** The lines of a good handshake. `headers` are added as they are. */
export function handshake(headers: readonly string[] = [], path = '/realtime'): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Header line that offers our subprotocol. */
export const OFFER = 'Sec-WebSocket-Protocol: realtime.v1.json';

/** A TCP connection to a server under test. */
export class RawPeer {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void)[] = [];
  /** Settles when the TCP connection has ended, however. */
  readonly ended: Promise<void>;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#notify();
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended = true;
        this.#notify();
        resolve();
      });
    });
  }

  /** Opens a TCP connection and sends nothing. @param localAddress the loopback address to come from. */
  static async connect(port: number, localAddress?: string): Promise<RawPeer> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    socket.setNoDelay(true);
    const peer = new RawPeer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return peer;
  }

  /** Opens a connection, upgrades it, and sends `behind` in the same segment as the handshake. */
  static async upgrade(
    port: number,
    headers: readonly string[] = [OFFER],
    behind: readonly Buffer[] = [],
  ): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.write(Buffer.concat([Buffer.from(handshake(headers)), ...behind]));
    const { status } = await peer.answer();
    if (status !== 101) throw new Error(`expected 101, got ${String(status)}`);
    return peer;
  }

  /** Opens a connection that has said `hello` and was told `connected`. */
  static async open(port: number, token = 'token-ada'): Promise<RawPeer> {
    const hello = frame(JSON.stringify({ type: 'hello', token }));
    const peer = await RawPeer.upgrade(port, [OFFER], [hello]);
    await peer.nextJson('connected');
    return peer;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  write(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  /** Sends a frame object as text. */
  send(value: unknown): void {
    this.write(frame(JSON.stringify(value)));
  }

  /** Cuts the connection with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The HTTP answer, as far as its headers (and the body, if it says how long that is) go. */
  async answer(): Promise<HttpAnswer> {
    const end = await this.#until(() => {
      const at = this.#bytes.indexOf('\r\n\r\n');
      return at < 0 ? undefined : at;
    });
    const [first = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    this.#bytes = this.#bytes.subarray(end + 4);
    const length = Number(headers.get('content-length') ?? 0);
    await this.#until(() => (this.#bytes.length >= length ? true : undefined));
    const body = this.#bytes.toString('utf8', 0, length);
    this.#bytes = this.#bytes.subarray(length);
    return { status: Number(first.split(' ')[1]), headers, body };
  }

  /** The next frame. @throws Error when the connection ends first. */
  async nextFrame(): Promise<ReceivedFrame> {
    return this.#until(() => this.#takeFrame());
  }

  /** The next text frame, parsed; with `type`, the next of that type. */
  async nextJson(type?: string): Promise<Record<string, unknown>> {
    for (;;) {
      const { opcode, payload } = await this.nextFrame();
      if (opcode === Opcode.close)
        throw new Error(`closed with ${String(payload.readUInt16BE(0))}`);
      if (opcode !== Opcode.text) continue;
      const value = JSON.parse(payload.toString('utf8')) as Record<string, unknown>;
      if (type === undefined || value['type'] === type) return value;
    }
  }

  /** Code and reason of the close frame; 1006 when the connection ends without one. */
  async closed(): Promise<{ readonly code: number; readonly reason: Buffer }> {
    for (;;) {
      let received: ReceivedFrame;
      try {
        received = await this.nextFrame();
      } catch {
        // The end without a close frame is an answer, too.
        return { code: 1006, reason: Buffer.alloc(0) };
      }
      if (received.opcode !== Opcode.close) continue;
      const { payload } = received;
      return payload.length < 2
        ? { code: 1005, reason: Buffer.alloc(0) }
        : { code: payload.readUInt16BE(0), reason: payload.subarray(2) };
    }
  }

  /** Every frame that is here now. */
  drain(): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    for (let next = this.#takeFrame(); next !== undefined; next = this.#takeFrame())
      frames.push(next);
    return frames;
  }

  #takeFrame(): ReceivedFrame | undefined {
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
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(headLength, headLength + length),
    };
  }

  async #until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.#ended) throw new Error('the connection has ended');
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #notify(): void {
    for (const resolve of this.#wake.splice(0)) resolve();
  }
}
