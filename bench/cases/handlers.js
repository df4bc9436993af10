/** What each part of Nest's pipeline adds to a request, on our server. */
import { Caller } from '../load/caller.js';
import { HANDLERS } from '../servers/ours-gateway.js';
import { samplesOf } from '../load/window.js';
import { askFor, connected } from './requests.js';

/** Enough that system calls, which all handlers share, weigh little. */
const IN_FLIGHT = 16;
/** Milliseconds of a handler. */
const SIZES = { full: { stageMs: 1_100 }, quick: { stageMs: 600 }, smallest: { stageMs: 60 } };
const METRICS = ['cpu', 'loadCpu', 'rate', 'p50', 'p99'];

export const handlers = {
  title: 'What Nest’s pipeline adds to a request',
  servers: ['ours'],

  /** The jobs of one run. */
  plan({ servers, size }) {
    const { stageMs } = SIZES[size];
    return servers.map((server) => ({ bench: 'handlers', server, stageMs }));
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const crowd = await connected(server, job);
    const samples = [];
    let bare;
    // All of them before the first is measured: they share what the compiler learns.
    for (const event of HANDLERS) await new Caller(crowd, event, IN_FLIGHT).ask(job.stageMs / 2);
    for (const event of HANDLERS) {
      const measured = await askFor(server, crowd, event, IN_FLIGHT, job.stageMs);
      bare ??= measured.cpu;
      samples.push(...samplesOf(job.server, event, measured, METRICS));
      const line = { case: event, server: job.server, metric: 'addedCpu', unit: 'us' };
      samples.push({ ...line, value: measured.cpu - bare });
    }
    crowd.cut();
    return samples;
  },
};
