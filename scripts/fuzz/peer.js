/** A client of bare TCP that sends what no library would. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { mutate, pick } from './mutate.js';

/** Milliseconds without an answer or an end after which the server hangs. */
const HANG_MS = 5_000;

/** The bytes of a client's text frame. */
function frameOf(text) {
  const payload = Buffer.from(text);
  const { length } = payload;
  const head =
    length < 126
      ? [0x81, 0x80 | length]
      : length < 65_536
        ? [0x81, 0xfe, length >> 8, length & 0xff]
        : [
            0x81,
            0xff,
            0,
            0,
            0,
            0,
            (length >>> 24) & 0xff,
            (length >> 16) & 0xff,
            (length >> 8) & 0xff,
            length & 0xff,
          ];
  const mask = randomBytes(4);
  for (let at = 0; at < length; at += 1) payload[at] ^= mask[at & 3];
  return Buffer.concat([Buffer.from(head), mask, payload]);
}

/** Bytes of a frame with some of them changed, the frame's own header among them. */
function corrupt(bytes, random) {
  const times = 1 + Math.floor(random() * 3);
  for (let time = 0; time < times; time += 1) {
    // The header is worth more than its share.
    const span = random() < 0.5 ? Math.min(8, bytes.length) : bytes.length;
    bytes[Math.floor(random() * span)] = Math.floor(random() * 256);
  }
  return bytes;
}

const HELLO = frameOf('{"type":"hello","token":"fuzz"}');
const SENTINEL = frameOf('{"type":"ping","id":"sentinel"}');

/**
 * One connection: hello, some mutated frames, and a ping at the end. Settles when the ping is answered
 * or the connection has ended, with how many frames were sent; rejects when neither happens.
 */
export async function attack({ port, golden, most, random }) {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET /realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: realtime.v1.json\r\n\r\n`,
  );
  // One in ten says no hello: strangers may send frames, too.
  if (random() < 0.9) socket.write(HELLO);
  const frames = 1 + Math.floor(random() * most);
  for (let sent = 0; sent < frames; sent += 1) {
    const bytes = frameOf(mutate(pick(golden.client, random), golden.client, random));
    socket.write(random() < 0.2 ? corrupt(bytes, random) : bytes);
  }
  // Half of them end the connection themselves, in the middle of whatever it is doing.
  socket.write(SENTINEL);
  await settled(socket);
  if (random() < 0.5) socket.resetAndDestroy();
  else socket.destroy();
  return frames;
}

async function settled(socket) {
  let timer;
  const hang = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('neither an answer nor an end within 5 s'));
    }, HANG_MS);
  });
  const answered = new Promise((resolve) => {
    let tail = '';
    socket.on('data', (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-65_536);
      if (tail.includes('"sentinel"')) resolve();
    });
  });
  // A header that was changed may make the server wait for bytes that never come: then the end of our
  // half has to be enough.
  const impatient = setTimeout(() => socket.end(), 100);
  try {
    await Promise.race([once(socket, 'close'), answered, hang]);
  } finally {
    clearTimeout(timer);
    clearTimeout(impatient);
  }
}
