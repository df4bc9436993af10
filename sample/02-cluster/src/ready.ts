import { connect } from 'node:net';

const RETRY_MS = 25;
const LIMIT_MS = 10_000;

/**
 * Resolves when somebody listens on a port.
 *
 * @param ended resolves if the program that ought to has ended.
 * @throws Error if it has ended, or does not listen within 10 s.
 */
export async function whenListening(port: number, ended: Promise<string>): Promise<void> {
  let how: string | undefined;
  void ended.then((reason) => (how = reason));
  for (const endAt = performance.now() + LIMIT_MS; performance.now() < endAt;) {
    if (await canConnect(port)) return;
    if (how !== undefined) throw new Error(`it ended: ${how}`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(`nobody listens on port ${String(port)}`);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
