import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from '@jest/globals';

import { RawClient } from '../../lib/testing/index.js';
import { ChatProcess } from '../sample/support/chat-process.js';

/** Enough to start with, few enough that the peers use them up. */
const DESCRIPTORS = 256;
const PEERS = 400;

let chat: ChatProcess;
let sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await chat.stop('SIGKILL');
});

/** Opens TCP connections; resolves when each is open or was refused. */
async function crowd(port: number): Promise<void> {
  sockets = Array.from({ length: PEERS }, () => connect(port, 'localhost'));
  for (const socket of sockets) socket.on('error', () => undefined);
  await Promise.all(
    sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])),
  );
}

describe('a server out of file descriptors', () => {
  it('C-11 keeps the clients it has, does not crash, and takes new ones when there is room', async () => {
    chat = await ChatProcess.start(0, DESCRIPTORS);
    const token = await chat.signIn('Ada');
    const before = await RawClient.connect(chat.realtimeUrl, token);
    await crowd(chat.port);
    before.send({ type: 'ping', id: 'still-here' });
    expect(await before.next('pong')).toEqual({ type: 'pong', id: 'still-here' });

    const gone = sockets.filter(({ closed }) => !closed).map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(gone);
    const after = await RawClient.connect(chat.realtimeUrl, token);
    after.send({ type: 'ping', id: 'new' });
    expect(await after.next('pong')).toEqual({ type: 'pong', id: 'new' });
    await Promise.all([before.close(), after.close()]);
  });
});
