// @ts-check
/** The page: counts what comes, and sends numbers itself, through whichever node it is on. */
import { RealtimeClient } from 'nestjs-realtime/client';

import { PositionCounter } from './position-counter.js';
import { addEvent, isSending, showConnection, showCounts, showNode } from './view.js';

/** @import { ClusterContract } from '../src/cluster.contract.js' */

const SEND_MS = 50;
/** Numbers that may wait for their confirmation: while the connection is away nothing more is begun. */
const MAX_OPEN = 200;

const from = crypto.randomUUID();
const counter = new PositionCounter();
let sent = 0;
let confirmed = 0;

/** @type {RealtimeClient<ClusterContract>} */
const client = new RealtimeClient(new URL('/realtime', location.href.replace(/^http/, 'ws')), {
  token: async () => {
    const response = await fetch('/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Page' }),
    });
    const { token } = await response.json();
    return token;
  },
});
const room = client.room('ticks/main');

function show() {
  const { received, missing, doubled } = counter;
  showCounts({ received, missing, doubled, sent, confirmed });
}

client.on('state', (change) => {
  showConnection(change);
  if (change.state === 'waiting') addEvent('The connection broke');
  if (change.state !== 'connected') return;
  client.request('node.where').then(
    ({ name }) => {
      showNode(name);
      addEvent(`On node ${name}`);
    },
    // The connection broke again before the answer; the next one asks anew.
    () => undefined,
  );
});
client.on('delayed', (isDelayed) => {
  addEvent(isDelayed ? 'The node cannot reach Redis: messages are late' : 'Nothing is late');
});
client.on('error', (error) => {
  console.warn(error.code, error.message);
});

room.on('subscribed', ({ position }) => {
  counter.begin(position);
});
room.on('recovered', ({ replayed }) => {
  addEvent(`Back: ${String(replayed)} messages that were missed follow`);
});
room.on('gap', ({ reason }) => {
  addEvent(`Messages are lost: ${reason}`);
});
room.on('tick', (_tick, { position }) => {
  if (position !== undefined) counter.take(position);
  show();
});

setInterval(() => {
  if (!isSending() || sent - confirmed >= MAX_OPEN) return;
  sent += 1;
  // If the connection breaks before the answer it is published again, under the same id: it counts once.
  room.publish('tick', { from, number: sent }).then(
    () => {
      confirmed += 1;
      show();
    },
    (error) => {
      addEvent(`Not confirmed: ${String(error.code)}`);
    },
  );
}, SEND_MS);
