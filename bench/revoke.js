/**
 * Time from `revoke()` to silence, one node, 1,000 sessions on the loopback interface.
 *
 * The server publishes into one room all the time, so that there is something to deliver up to the
 * end. For each session in turn: `revoke({ sessionId })`, then the moment at which its client saw the
 * last byte before the close, and the close itself. Prints p50 and p99, and one line of JSON.
 *
 *   node bench/revoke.js [--sessions 1000] [--dist dist]
 *
 * Needs a build. Takes less than a minute. Ends with a code other than 0 when p99 of the close is 100 ms
 * or more, or anything comes after it.
 */
import 'reflect-metadata';

import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocket } from 'ws';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  },
});
const count = Number(values.sessions);
const TARGET_MS = 100;
/** Milliseconds between two messages into the room. */
const PUBLISH_EVERY_MS = 100;
/** Longest wait between two revocations. */
const MOST_PAUSE_MS = 30;
/** Longest run. */
const LIMIT_MS = 55_000;

const { RealtimeModule, RealtimeRoom, RoomService, SessionService } = await import(
  new URL('index.js', pathToFileURL(`${resolve(values.dist)}/`)).href
);

class Rooms {
  canSubscribe() {
    return true;
  }
}
RealtimeRoom('hall')(Rooms);

class BenchModule {}
Module({
  imports: [
    RealtimeModule.forRoot({
      auth: { verify: (token) => ({ id: token }) },
      limits: { attemptsPerSecond: 100_000, attemptBurst: 100_000, connectionsPerIp: 100_000 },
    }),
  ],
  providers: [Rooms],
})(BenchModule);

const giveUp = setTimeout(() => {
  console.error(`gave up after ${LIMIT_MS} ms`);
  process.exit(1);
}, LIMIT_MS);
const app = await NestFactory.create(BenchModule, { logger: ['error', 'fatal'] });
await app.listen(0, '127.0.0.1');
const url = `ws://127.0.0.1:${app.getHttpServer().address().port}/realtime`;
const sessions = app.get(SessionService);
const rooms = app.get(RoomService);

const clients = [];
for (let index = 0; index < count; index += 1) clients.push(await open(`user-${index}`));

let published = 0;
const publishing = setInterval(() => {
  published += 1;
  void rooms.publish('hall', 'tick', { published });
}, PUBLISH_EVERY_MS);

const toLastByte = [];
const toClose = [];
for (const client of clients) {
  // Spread over the ticks: a revocation may come right before a message or right behind one.
  await new Promise((next) => setTimeout(next, Math.random() * MOST_PAUSE_MS));
  const start = performance.now();
  await sessions.revoke({ sessionId: client.id });
  const [code] = await client.closed;
  if (code !== 4401) throw new Error(`expected 4401, got ${code}`);
  toLastByte.push(Math.max(0, client.lastByteAt - start));
  toClose.push(client.closedAt - start);
}
clearInterval(publishing);
const late = clients.filter(({ lastByteAt, closedAt }) => lastByteAt > closedAt).length;
const result = {
  bench: 'revoke',
  sessions: count,
  published,
  lastByteMs: summary(toLastByte),
  closeMs: summary(toClose),
  late,
  targetP99Ms: TARGET_MS,
};
const { lastByteMs, closeMs } = result;
console.log(`revoke() to the last byte: p50 ${lastByteMs.p50} ms, p99 ${lastByteMs.p99} ms`);
console.log(`revoke() to the close seen: p50 ${closeMs.p50} ms, p99 ${closeMs.p99} ms`);
console.log(JSON.stringify(result));
await app.close();
clearTimeout(giveUp);
if (closeMs.p99 >= TARGET_MS || late > 0) process.exitCode = 1;

async function open(token) {
  const socket = new WebSocket(url, ['realtime.v1.json']);
  await once(socket, 'open');
  const client = { id: '', lastByteAt: 0, closedAt: 0, closed: once(socket, 'close') };
  const subscribed = new Promise((done) => {
    socket.on('message', (data) => {
      client.lastByteAt = performance.now();
      const frame = JSON.parse(data);
      if (frame.type === 'connected') client.id = frame.connectionId;
      if (frame.type === 'subscribed') done();
    });
  });
  socket.once('close', () => {
    client.closedAt = performance.now();
  });
  socket.send(JSON.stringify({ type: 'hello', token, rooms: [{ room: 'hall' }] }));
  await subscribed;
  return client;
}

function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) =>
    Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(2));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
