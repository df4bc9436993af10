import { connect } from 'node:net';

import { FrameReader } from './frame-reader.js';
import { pongFrame, textFrame } from './frame-writer.js';

/** One buffer for all connections: what was read is looked at before the next read. */
const shared = Buffer.allocUnsafe(512 * 1024);
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A client's connection on a bare TCP socket. */
export class Connection {
  #joins;
  #upgrade = '';
  #reader;
  #isUpgraded = false;
  #socket;

  /**
   * @param {number} port the server's.
   * @param {object} dialect see dialects.js.
   * @param {{ token: string, rooms: string[] }} visitor who comes, and into which rooms.
   * @param {{ ready: () => void, failed: (why: string) => void, counted: (count: number) => void,
   * sample?: (bytes: Buffer, start: number, end: number) => void }} listener
   */
  constructor(port, dialect, visitor, listener) {
    this.dialect = dialect;
    this.visitor = visitor;
    this.listener = listener;
    this.#joins = dialect.joins(visitor.rooms);
    this.#reader = new FrameReader(
      (opcode, payload) => this.#frame(opcode, payload),
      listener.sample,
    );
    const onread = { buffer: shared, callback: (length) => this.#read(length) };
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, () => this.#greet());
    this.#socket.on('error', (error) => this.#fail(error.message));
    this.#socket.on('close', () => this.#fail('closed by the server'));
  }

  /** Sends bytes as they are. */
  write(bytes) {
    this.#socket.write(bytes);
  }

  /** Reads no more, whatever comes; does not mind what becomes of it. */
  stall() {
    this.listener = { ready: ignore, failed: ignore, counted: ignore };
    this.#socket.pause();
  }

  /** Cuts the connection as a broken network does: no close, no goodbye. */
  cut() {
    this.listener = { ready: ignore, failed: ignore, counted: ignore };
    this.#socket.resetAndDestroy();
  }

  #greet() {
    const { path, headers } = this.dialect;
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
      ...headers(this.visitor.token),
    ];
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  }

  #read(length) {
    if (this.#isUpgraded) this.#count(shared, length);
    else this.#readUpgrade(length);
    return true;
  }

  #count(bytes, length) {
    const count = this.#reader.read(bytes, length);
    if (count > 0) this.listener.counted(count);
  }

  #readUpgrade(length) {
    this.#upgrade += shared.toString('latin1', 0, length);
    const end = this.#upgrade.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!this.#upgrade.startsWith('HTTP/1.1 101')) {
      this.#fail(this.#upgrade.split('\r\n', 1)[0]);
      return;
    }
    this.#isUpgraded = true;
    const rest = Buffer.from(this.#upgrade.slice(end + 4), 'latin1');
    this.#upgrade = '';
    const greeting = this.dialect.greeting(this.visitor);
    if (greeting !== undefined) this.write(textFrame(greeting));
    this.#count(rest, rest.length);
  }

  #frame(opcode, payload) {
    if (opcode === TEXT) this.#text(payload.toString());
    else if (opcode === PING) this.write(pongFrame(payload));
    else if (opcode === CLOSE) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      this.#fail(`closed with ${String(code)} ${payload.toString('utf8', 2)}`);
    }
  }

  #text(text) {
    const { joined = 0, reply, refused } = this.dialect.read(text, this.visitor);
    // Nothing would come of waiting for what was refused.
    if (refused !== undefined) this.#fail(`refused: ${refused}`);
    if (reply !== undefined) this.write(textFrame(reply));
    if (joined === 0) return;
    this.#joins -= joined;
    if (this.#joins > 0) return;
    this.#reader.countLarge();
    this.listener.ready();
  }

  #fail(why) {
    const { failed } = this.listener;
    this.listener = { ready: ignore, failed: ignore, counted: ignore };
    failed(why);
  }
}

function ignore() {
  // Whoever cut a connection does not want to hear of its end.
}
