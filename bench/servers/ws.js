/** Bare `ws`: JSON in, JSON out, rooms as sets, a loop of `send(string)`. */
import { createServer } from 'node:http';

import { WebSocket, WebSocketServer } from 'ws';

import { listen } from './listen.js';
import { bearerOf, verifyToken } from './token.js';

/** Starts the server. */
export async function start() {
  const rooms = new Map();
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    verifyToken(bearerOf(request.headers.authorization)).then(
      (user) => {
        sockets.handleUpgrade(request, socket, head, (client) => {
          client.user = user;
          accept(client, rooms);
        });
      },
      () => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'),
    );
  });
  return {
    port: await listen(server),
    publish: (room, payload) => {
      const text = JSON.stringify({ event: 'message', data: payload });
      for (const client of rooms.get(room) ?? []) {
        if (client.readyState === WebSocket.OPEN) client.send(text);
      }
    },
  };
}

function accept(client, rooms) {
  client.on('error', () => client.terminate());
  client.on('message', (bytes) => {
    const { id, event, data } = JSON.parse(bytes.toString());
    if (event === 'join') {
      for (const room of data.rooms) joined(rooms, room).add(client);
      client.send(JSON.stringify({ event: 'joined' }));
    } else if (event === 'echo') {
      client.send(JSON.stringify({ id, event, data }));
    }
  });
  client.on('close', () => {
    for (const members of rooms.values()) members.delete(client);
  });
  client.send(JSON.stringify({ event: 'ready' }));
}

function joined(rooms, room) {
  const members = rooms.get(room) ?? new Set();
  rooms.set(room, members);
  return members;
}
