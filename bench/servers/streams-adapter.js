/** Socket.IO with `@socket.io/redis-streams-adapter`: one stream for all rooms, which every node reads. */
import { createAdapter } from '@socket.io/redis-streams-adapter';

import { start as startSocketIo } from './socketio.js';
import { connectRedis } from './redis-clients.js';

/** Starts the server. It makes more connections of the one that it is given. */
export async function start() {
  const [client] = await connectRedis(1);
  return startSocketIo(createAdapter(client));
}
