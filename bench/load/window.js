import { cpus } from 'node:os';

import { microseconds } from '../servers/payload.js';

/** What was used and what arrived between two moments. */
export class Window {
  #server;
  #crowd;

  /** @param {object} server see server-process.js. @param {object} crowd see crowd.js. */
  constructor(server, crowd) {
    this.#server = server;
    this.#crowd = crowd;
  }

  /**
   * Measures what `work` does. Returns microseconds of the server's processor and of the load's for each
   * arrival, arrivals a second, the times of arrivals, and how many cores others kept busy meanwhile.
   */
  async measure(work) {
    const { tally, latencies } = this.#crowd;
    latencies.clear();
    const before = await this.#now(tally);
    await work();
    const after = await this.#now(tally);
    const arrivals = after.count - before.count;
    const own = after.server - before.server + after.load - before.load;
    const others = (after.busy - before.busy - own) / (after.at - before.at);
    return {
      cpu: (after.server - before.server) / arrivals,
      loadCpu: (after.load - before.load) / arrivals,
      rate: (arrivals / (after.at - before.at)) * 1_000_000,
      others: Math.max(0, others),
      p50: latencies.at(0.5),
      p99: latencies.at(0.99),
    };
  }

  async #now({ count }) {
    const server = await this.#server.call('usage');
    const { user, system } = process.cpuUsage();
    return { server, load: user + system, busy: busyTime(), at: microseconds(), count };
  }
}

/** Microseconds for which the machine's cores have worked, for whomever. */
function busyTime() {
  const ofCore = ({ times: { user, nice, sys, irq } }) => user + nice + sys + irq;
  return cpus().reduce((sum, core) => sum + ofCore(core), 0) * 1_000;
}

/** Samples of the measures of one window that are named, for the case. */
export function samplesOf(server, name, measured, metrics) {
  return [...metrics, 'others'].map((metric) => ({
    case: name,
    server,
    metric,
    unit: UNITS[metric],
    value: measured[metric],
  }));
}

const UNITS = { cpu: 'us', loadCpu: 'us', rate: '1/s', p50: 'us', p99: 'us', others: 'cores' };
