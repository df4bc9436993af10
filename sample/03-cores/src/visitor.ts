/** A client for the command line: `node dist/visitor.js ann [address]`. Says what is typed, prints what comes. */
import { createInterface } from 'node:readline';

import { RealtimeClient } from 'nestjs-realtime/client';
import { WebSocket } from 'ws';

import type { HallContract } from './hall.contract.js';

const [, , token = 'visitor', address = 'ws://localhost:3000/realtime'] = process.argv;
const client = new RealtimeClient<HallContract>(address, { token, WebSocket });

client.on('state', ({ state }) => {
  if (state !== 'connected') return;
  void client.request('hall.where').then(({ pid }) => {
    console.log(`* connected to process ${String(pid)}`);
  }, console.error);
});

const room = client.room('hall/main');
room.on('said', ({ from, text, pid }) => {
  console.log(`${from} (by process ${String(pid)}): ${text}`);
});
room.on('recovered', ({ replayed }) => {
  console.log(`* back, ${String(replayed)} missed`);
});
room.on('gap', ({ reason }) => {
  console.log(`* messages may be missing: ${reason}`);
});
await room.subscribe();

const lines = createInterface({ input: process.stdin });
lines.on('line', (text) => {
  client.request('hall.say', { hall: 'main', text }).catch(console.error);
});
lines.once('close', () => {
  client.close();
});
