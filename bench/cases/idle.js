/** Connections that are authenticated, in one room, and silent: what they hold, and what they cost to make. */
import { Crowd } from '../load/crowd.js';
import { microseconds } from '../servers/payload.js';

const ROOM = ['bench/hall'];
/** Rooms of the second case: what the ten more take is what a subscription takes. */
const ELEVEN_ROOMS = Array.from({ length: 11 }, (_, index) => `bench/hall-${String(index)}`);
const CONNECTIONS = { full: 10_000, quick: 1_000, smallest: 40 };
/** Connections made and cut before anything is measured: code is compiled, pools have their size. */
const WARM_UP = 500;
/** Milliseconds for the server to finish what connecting or leaving began. */
const SETTLE_MS = 500;

export const idle = {
  title: 'Idle connections',
  servers: ['ws', 'ours', 'platform-ws', 'socketio', 'platform-socketio', 'uwebsockets'],

  /** The jobs of one run. */
  plan({ servers, size }) {
    const connections = CONNECTIONS[size];
    const job = { bench: 'idle', connections };
    const jobs = servers.map((server) => ({ ...job, server, suffix: '' }));
    if (!servers.includes('ours')) return jobs;
    return [...jobs, { ...job, server: 'ours', suffix: ', rooms: 11', inMany: true }];
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const rooms = job.inMany ? ELEVEN_ROOMS : ROOM;
    const warmUp = new Crowd(job.server, server.port, WARM_UP, () => rooms);
    await warmUp.connect();
    warmUp.cut();
    await settle();
    const crowd = new Crowd(job.server, server.port, job.connections, () => rooms);
    const emptyBytes = await server.call('memory');
    const usedBefore = await server.call('usage');
    const loadBefore = process.cpuUsage();
    const startedAt = microseconds();
    await crowd.connect();
    const seconds = (microseconds() - startedAt) / 1_000_000;
    const handshakeUs = (await server.call('usage')) - usedBefore;
    const { user, system } = process.cpuUsage(loadBefore);
    await settle();
    const fullBytes = await server.call('memory');
    crowd.cut();
    if (job.inMany) return subscriptions(job, fullBytes - emptyBytes);
    const each = (metric, unit, sum) => {
      const line = { case: 'in-one-room', server: job.server, metric, unit };
      return { ...line, value: sum / job.connections };
    };
    return [
      each('bytes', 'B', fullBytes - emptyBytes),
      each('handshakeCpu', 'us', handshakeUs),
      each('loadCpu', 'us', user + system),
      { ...each('rate', '1/s', 0), value: job.connections / seconds },
    ];
  },
};

/** What one room more takes, of those who are in eleven. */
function subscriptions({ server, connections, earlier }, bytes) {
  const inOne = earlier.find((one) => one.server === server && one.metric === 'bytes');
  const name = 'in-eleven-rooms';
  const samples = [{ case: name, server, metric: 'bytes', unit: 'B', value: bytes / connections }];
  if (inOne === undefined) return samples;
  const value = (bytes / connections - inOne.value) / (ELEVEN_ROOMS.length - ROOM.length);
  return [...samples, { case: name, server, metric: 'roomBytes', unit: 'B', value }];
}

function settle() {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
