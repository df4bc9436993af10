/** Our server in one process and in two behind one port, on Redis: what the second brings and costs. */
import { Caller } from '../load/caller.js';
import { Crowd } from '../load/crowd.js';
import { samplesOf, Window } from '../load/window.js';
import { Hall } from './fanout.js';
import { askFor, connected } from './requests.js';

const ROOM = ['bench/hall'];
const IN_FLIGHT = 16;
const BURST = 10;
const PROCESSES = [1, 2];
const METRICS = ['cpu', 'loadCpu', 'rate', 'p50', 'p99'];
/** Milliseconds of a case and of the first warming up, and subscribers of the room. */
const SIZES = {
  full: { stageMs: 1_500, warmUpMs: 3_000, subscribers: 1_000 },
  quick: { stageMs: 1_000, warmUpMs: 2_000, subscribers: 1_000 },
  smallest: { stageMs: 60, warmUpMs: 60, subscribers: 40 },
};

export const cores = {
  title: 'One process and two behind one port',
  servers: ['ours'],

  /** The jobs of one run, the one process first: the others are compared with it. */
  plan({ servers, size }) {
    return servers.flatMap((server) =>
      PROCESSES.map((processes) => {
        const suffix = `, processes: ${String(processes)}`;
        return { bench: 'cores', server, processes, suffix, ...SIZES[size] };
      }),
    );
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const asked = await askMany(server, job);
    const heard = await publishMany(server, job);
    return [...samplesFor('requests', asked, job), ...samplesFor('bursts-of-10', heard, job)];
  },
};

async function askMany(server, job) {
  const crowd = await connected(server, job);
  const share = await smallestShare(server);
  await new Caller(crowd, 'echo', IN_FLIGHT).ask(job.warmUpMs);
  const measured = await askFor(server, crowd, 'echo', IN_FLIGHT, job.stageMs);
  crowd.cut();
  return { ...measured, share };
}

async function publishMany(server, job) {
  const crowd = new Crowd(job.server, server.port, job.subscribers, () => ROOM);
  const hall = new Hall(server, crowd, ROOM);
  await crowd.connect();
  const share = await smallestShare(server);
  await hall.bursts(BURST, job.stageMs);
  const measured = await new Window(server, crowd).measure(() => hall.bursts(BURST, job.stageMs));
  crowd.cut();
  return { ...measured, share };
}

/** The part of the connections that the process with the fewest has: with two, at best a half. */
async function smallestShare(server) {
  const each = await server.call('connections');
  return Math.min(...each) / each.reduce((sum, count) => sum + count, 0);
}

/** Samples of a case, and with several processes what they are to the one before. */
function samplesFor(stage, measured, { server, processes, earlier }) {
  const nameOf = (count) => `${stage}-in-${String(count)}`;
  const name = nameOf(processes);
  const samples = samplesOf(server, name, measured, METRICS);
  if (processes === PROCESSES[0]) return samples;
  const add = (metric, unit, value) => samples.push({ case: name, server, metric, unit, value });
  add('share', 'of connections', measured.share);
  for (const [metric, of] of [
    ['cpuToOne', 'cpu'],
    ['rateToOne', 'rate'],
  ]) {
    const one = earlier.find((sample) => sample.case === nameOf(1) && sample.metric === of);
    if (one !== undefined) add(metric, 'x', measured[of] / one.value);
  }
  return samples;
}
