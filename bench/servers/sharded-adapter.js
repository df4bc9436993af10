/** Socket.IO with the sharded adapter of `@socket.io/redis-adapter`: a sharded channel a room, by default. */
import { createShardedAdapter } from '@socket.io/redis-adapter';

import { start as startSocketIo } from './socketio.js';
import { connectRedis } from './redis-clients.js';

/** Starts the server. */
export async function start() {
  return startSocketIo(createShardedAdapter(...(await connectRedis(2))));
}
