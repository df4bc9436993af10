/**
 * The process that makes the load for one server: connects, commands the server, measures. Takes one job
 * from the process that started it and answers with samples.
 */
import { CASES } from '../cases/index.js';
import { ServerProcess } from './server-process.js';

process.once('message', async (job) => {
  let server;
  try {
    const { processes, nodes, hasGate } = job;
    server = await ServerProcess.start(job.server, { processes, nodes, hasGate });
    process.on('disconnect', () => void leave(server));
    const samples = await CASES.get(job.bench).measure(server, job);
    await answer({ samples });
  } catch (error) {
    await answer({ error: String(error?.stack ?? error) });
  } finally {
    await leave(server);
  }
});

async function leave(server) {
  await server?.stop();
  process.exit(0);
}

/** Resolves when the message is out: ending earlier might lose it. */
function answer(message) {
  return new Promise((resolve) => process.send(message, resolve));
}
