/** Requests and replies: an echo through the handler that each server's users would write. */
import { Caller } from '../load/caller.js';
import { Crowd } from '../load/crowd.js';
import { samplesOf, Window } from '../load/window.js';

const CONNECTIONS = 100;
/** Milliseconds of a case. */
const SIZES = { full: { stageMs: 1_500 }, quick: { stageMs: 700 }, smallest: { stageMs: 60 } };
const METRICS = ['cpu', 'loadCpu', 'rate', 'p50', 'p99'];
/** Milliseconds of warming up, with any number in flight: until the compiler has come to rest. */
const WARM_UP_MS = 1_000;
/**
 * The first warming up of a server, with many in flight. One that runs for weeks is compiled; one with
 * more code takes longer until it is.
 */
const FIRST_WARM_UP = { inFlight: 16, full: 3_000, quick: 2_000, smallest: 60 };
/** Cases by requests in flight a connection. */
const DEPTHS = new Map([
  ['one-in-flight', 1],
  ['sixteen-in-flight', 16],
]);

export const requests = {
  title: 'Requests and replies, 100 connections',
  servers: ['ws', 'ours', 'platform-ws', 'socketio', 'platform-socketio', 'uwebsockets'],

  /** The jobs of one run. */
  plan({ servers, size }) {
    const { stageMs } = SIZES[size];
    const warmUpMs = FIRST_WARM_UP[size];
    return servers.map((server) => ({ bench: 'requests', server, stageMs, warmUpMs }));
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const crowd = await connected(server, job);
    const samples = [];
    await new Caller(crowd, 'echo', FIRST_WARM_UP.inFlight).ask(job.warmUpMs);
    for (const [name, inFlight] of DEPTHS) {
      const measured = await askFor(server, crowd, 'echo', inFlight, job.stageMs);
      samples.push(...samplesOf(job.server, name, measured, METRICS));
    }
    crowd.cut();
    return samples;
  },
};

/** The connections of a job, each in a room of its own as in an application. */
export async function connected(server, job) {
  const roomsOf = (index) => [`bench/room-${String(index)}`];
  // No probes: the payload of a request is made once, its time says nothing.
  const crowd = new Crowd(job.server, server.port, CONNECTIONS, roomsOf, 0);
  await crowd.connect();
  return crowd;
}

/** Warms a handler up, then measures it. */
export async function askFor(server, crowd, event, inFlight, ms) {
  const caller = new Caller(crowd, event, inFlight);
  await caller.ask(Math.min(ms, WARM_UP_MS));
  return new Window(server, crowd).measure(() => caller.ask(ms));
}
