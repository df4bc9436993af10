import { once } from 'node:events';

/** Connections that may wait to be accepted: all of a storm, as far as the kernel lets them. */
const BACKLOG = 4_096;

/** Listens on a free port of the loopback interface and returns it. */
export async function listen(server) {
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  return server.address().port;
}
