import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const HOST = '127.0.0.1';

/**
 * Starts a Redis on a free port, with nothing on disk, and resolves to its address when it takes
 * connections. It ends with this process, if that ends by `process.exit()`.
 *
 * @throws Error if there is no `redis-server`, or it ends.
 */
export async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), 'realtime-bench-redis-'));
  const port = await freePort();
  const place = ['--port', String(port), '--bind', HOST, '--dir', folder];
  const settings = [...place, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${String(code)}`)));
  });
  return `redis://${HOST}:${String(port)}`;
}

/** A port that nobody listens on now. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
