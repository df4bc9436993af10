/** Socket.IO, over WebSockets only, with its own rooms and acknowledgements. */
import { createServer } from 'node:http';

import { Server } from 'socket.io';

import { listen } from './listen.js';
import { verifyToken } from './token.js';

/** Starts the server. @param {Function} [adapter] carries rooms to other nodes. Absent: there are none. */
export async function start(adapter) {
  const http = createServer();
  const server = new Server(http, { transports: ['websocket'], adapter });
  server.use(async (socket, next) => {
    try {
      socket.data.user = await verifyToken(socket.handshake.auth.token);
      next();
    } catch {
      next(new Error('unauthorized'));
    }
  });
  server.on('connection', (socket) => {
    socket.on('join', ({ rooms }, acknowledge) => {
      socket.join(rooms);
      acknowledge({});
    });
    socket.on('echo', (payload, acknowledge) => acknowledge(payload));
  });
  return {
    port: await listen(http),
    publish: (room, payload) => server.to(room).emit('message', payload),
  };
}
