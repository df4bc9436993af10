/**
 * A part of the crowd, in a process of its own: clients of the SDK, one room for so many of them. The first
 * of each room publishes; some ask. Everything that they see is written down as test/checker reads it.
 */
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';

import { WebSocket } from 'ws';

/** One in so many clients asks the server as well. */
const ASKING = 20;
const ASK_EVERY_MS = 1_000;
/** Clients that connect at once in the beginning. */
const AT_ONCE = 50;
/** Errors after which it is certain that nothing was stored. */
const CERTAIN = new Set(['unavailable', 'send-buffer-full']);

const folder = process.env.BENCH_PACKAGE;
const door = createRequire(join(folder, 'package.json')).resolve('nestjs-realtime/client');
const { history, RealtimeClient } = await import(pathToFileURL(door).href);

const records = [];
const clients = [];
/** By room, the offset that its first subscriber here was told last. */
const tops = new Map();
const asked = { answered: 0, failed: [] };
/** Ports of the nodes that are in service. */
let ports = [];
const life = { isTalking: true };
let talks = [];

/** Sockets of one client: each goes to some node that is in service, as a load balancer has it. */
function balanced(p) {
  return class extends WebSocket {
    constructor(_url, protocols) {
      const port = ports[Math.floor(Math.random() * ports.length)];
      super(`ws://127.0.0.1:${String(port)}/realtime`, protocols);
      this.once('open', () => note({ type: 'opened', p }));
    }
  };
}

/** Microseconds of a clock that all processes of the machine share. */
function now() {
  return Number(process.hrtime.bigint() / 1_000n);
}

function note(record) {
  records.push({ ...record, t: now() });
}

async function connect(name, roomName) {
  const sdk = new RealtimeClient('ws://nodes/realtime', {
    WebSocket: balanced(name),
    token: name,
  });
  sdk.on('error', (error) => note({ type: 'failed', p: name, code: error.code }));
  const room = sdk.room(`hall/${roomName}`);
  const place = { p: name, room: room.name };
  room.on('subscribed', ({ position, recovered, replayed }) => {
    const verdict = recovered === undefined ? {} : { recovered, replayed };
    const wasRecovering = recovered !== undefined;
    note({ type: 'sub.ok', ...place, ...position, wasRecovering, ...verdict });
  });
  room.on('gap', ({ position, reason }) => note({ type: 'gap', ...place, ...position, reason }));
  room.on('said', ({ id }, { position }) => {
    tops.set(name, position.offset);
    note({ type: 'recv', ...place, ...position, id });
  });
  note({ type: 'sub.call', ...place });
  await room.subscribe();
  sdk.on('state', ({ state }) => note({ type: 'state', p: name, state }));
  clients.push({ name, sdk, room });
}

/** Publishes until it is told to stop, the next one when the last one is confirmed. */
async function talk({ name, room }, everyMs) {
  for (let n = 1; life.isTalking; n += 1) {
    const call = { p: name, id: `${name}/${String(n)}` };
    note({ type: 'pub.call', ...call, room: room.name, n });
    try {
      const { epoch, offset, durability } = await room.publish('said', { id: call.id });
      note({ type: 'pub.ok', ...call, room: room.name, epoch, offset, durability });
    } catch ({ code }) {
      const isCertain = CERTAIN.has(code);
      note(
        isCertain ? { type: 'pub.no', ...call, code } : { type: 'pub.maybe', ...call, why: code },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

async function ask({ sdk }) {
  while (life.isTalking) {
    await sdk.request('work').then(
      () => (asked.answered += 1),
      ({ code }) => asked.failed.push(code),
    );
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS * Math.random() * 2));
  }
}

const commands = {
  /** Connects everybody, and has them talk. */
  async join({ first, rooms, perRoom, everyMs }) {
    const names = Array.from({ length: rooms * perRoom }, (_, n) => first + n);
    while (names.length > 0) {
      const some = names.splice(0, AT_ONCE);
      await Promise.all(
        some.map((n) => connect(`client-${String(n)}`, `room-${String(Math.floor(n / perRoom))}`)),
      );
    }
    const firsts = new Map(clients.map((client) => [client.room.name, client]));
    talks = [
      ...Array.from(firsts.values(), (client) => talk(client, everyMs)),
      ...clients.filter((_, n) => n % ASKING === 1).map(ask),
    ];
  },

  serve({ ports: inService }) {
    ports = inService;
  },

  /** Has nobody talk any more; resolves when everybody has what there is. */
  async rest() {
    life.isTalking = false;
    await Promise.all(talks);
    const rooms = new Map(clients.map(({ room, sdk }) => [room.name, sdk]));
    for (const [room, sdk] of rooms) {
      const { position } = await history(sdk, room, { direction: 'backwards', limit: 1 });
      const mine = clients.filter((client) => client.room.name === room);
      while (!mine.every(({ name }) => tops.get(name) === position.offset)) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await noteFinal(sdk, room);
    }
  },

  /** Writes down what was seen, a line each. */
  async report({ file }) {
    const stream = createWriteStream(file);
    for (const record of records) stream.write(`${JSON.stringify(record)}\n`);
    stream.end();
    await finished(stream);
    for (const { sdk } of clients) sdk.close();
    return asked;
  },
};

/** What the store holds of a room in the end. */
async function noteFinal(sdk, room) {
  const messages = [];
  for (let page = await history(sdk, room); ;) {
    for (const { position, payload } of page.messages) {
      messages.push({ offset: position.offset, id: payload.id });
    }
    const after = page.messages.at(-1)?.position;
    if (page.complete || after === undefined) {
      const { epoch, offset } = page.position;
      const oldest = messages[0]?.offset ?? offset + 1;
      note({ type: 'final', p: 'oracle', room, epoch, oldest, messages });
      return;
    }
    page = await history(sdk, room, { after });
  }
}

process.on('message', async ({ id, command, ...rest }) => {
  try {
    process.send({ id, result: (await commands[command](rest)) ?? null });
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit(0));
