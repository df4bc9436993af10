/** Socket.IO with `@socket.io/redis-adapter`: one channel a room, one pattern for all of them. */
import { createAdapter } from '@socket.io/redis-adapter';

import { start as startSocketIo } from './socketio.js';
import { connectRedis } from './redis-clients.js';

/** Starts the server. */
export async function start() {
  return startSocketIo(createAdapter(...(await connectRedis(2))));
}
