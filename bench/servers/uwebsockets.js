/** uWebSockets with its own publish and subscribe, where a build for this machine is at hand. */
import { loadUWebSockets } from './uwebsockets-package.js';
import { bearerOf, verifyToken } from './token.js';

/** Starts the server. */
export async function start() {
  const uws = loadUWebSockets();
  const app = uws.App();
  app.ws('/*', {
    upgrade: (response, request, context) => upgrade(response, request, context),
    open: (socket) => socket.send(JSON.stringify({ event: 'ready' })),
    message: (socket, bytes) => {
      const { id, event, data } = JSON.parse(Buffer.from(bytes).toString());
      if (event === 'join') {
        for (const room of data.rooms) socket.subscribe(room);
        socket.send(JSON.stringify({ event: 'joined' }));
      } else if (event === 'echo') {
        socket.send(JSON.stringify({ id, event, data }));
      }
    },
  });
  const port = await new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (token) => {
      if (token) resolve(uws.us_socket_local_port(token));
      else reject(new Error('uWebSockets could not listen'));
    });
  });
  return {
    port,
    publish: (room, payload) => {
      app.publish(room, JSON.stringify({ event: 'message', data: payload }), false);
    },
  };
}

function upgrade(response, request, context) {
  let isAborted = false;
  response.onAborted(() => {
    isAborted = true;
  });
  const key = request.getHeader('sec-websocket-key');
  const protocol = request.getHeader('sec-websocket-protocol');
  const extensions = request.getHeader('sec-websocket-extensions');
  verifyToken(bearerOf(request.getHeader('authorization'))).then(
    (user) => {
      if (isAborted) return;
      response.cork(() => response.upgrade({ user }, key, protocol, extensions, context));
    },
    () => {
      if (!isAborted) response.cork(() => response.writeStatus('401 Unauthorized').end());
    },
  );
}
