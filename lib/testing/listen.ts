import type { AddressInfo } from 'node:net';

import type { INestApplication } from '@nestjs/common';

/**
 * Starts an application on a free port of the loopback interface.
 *
 * @param path the module's path. Default `/realtime`.
 * @returns the URL that clients connect to.
 */
export async function listen(app: INestApplication, path = '/realtime'): Promise<string> {
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return `ws://127.0.0.1:${String(port)}${path}`;
}
