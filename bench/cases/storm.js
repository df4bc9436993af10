/**
 * Everybody is cut at once and comes back: ours with the position of its room, to be brought up to date;
 * Socket.IO's into its room, without what it missed.
 */
import { Crowd } from '../load/crowd.js';
import { microseconds } from '../servers/payload.js';

const ROOM = ['bench/hall'];
const CONNECTIONS = { full: 10_000, quick: 1_000, smallest: 40 };
/** Messages before the cut, and as many while everybody is away. */
const MESSAGES = 10;

export const storm = {
  title: 'All connections cut at once',
  servers: ['ours', 'socketio'],

  /** The jobs of one run. */
  plan({ servers, size }) {
    const connections = CONNECTIONS[size];
    return servers.map((server) => ({ bench: 'storm', server, connections }));
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const crowd = new Crowd(job.server, server.port, job.connections, () => ROOM);
    const { visitors, tally } = crowd;
    for (const visitor of visitors) Object.assign(visitor, { seen: new Map(), attempt: 1 });
    await crowd.connect();
    await publish(server);
    await tally.until(job.connections * MESSAGES);
    for (const visitor of visitors) comeBack(visitor);
    const usedBefore = await server.call('usage');
    const startedAt = microseconds();
    crowd.cut();
    await publish(server);
    await crowd.connect();
    const seconds = (microseconds() - startedAt) / 1_000_000;
    if (job.server === 'ours') await tally.until(2 * job.connections * MESSAGES);
    const allSeconds = (microseconds() - startedAt) / 1_000_000;
    const usedUs = (await server.call('usage')) - usedBefore;
    crowd.cut();
    return samplesOf(job, { seconds, allSeconds, cpu: usedUs / job.connections, visitors });
  },
};

/** Who was there before says so, and where it was. */
function comeBack(visitor) {
  // The answer named the room's position of then; the messages since were counted, not read.
  for (const [room, { epoch, offset }] of visitor.seen) {
    visitor.positions ??= new Map();
    visitor.positions.set(room, { epoch, offset: offset + MESSAGES });
  }
  visitor.verdicts = [];
  visitor.attempt += 1;
}

/** Publishes and waits until it is done, whether or not anybody is there. */
async function publish(server) {
  await server.call('burst', { rooms: ROOM, count: MESSAGES });
}

function samplesOf(job, { seconds, allSeconds, cpu, visitors }) {
  const line = { case: 'all-come-back', server: job.server };
  const samples = [
    { ...line, metric: 'seconds', unit: 's', value: seconds },
    { ...line, metric: 'cpu', unit: 'us', value: cpu },
  ];
  if (job.server !== 'ours') return samples;
  const recovered = visitors.filter(({ verdicts }) => isRecovered(verdicts)).length;
  return [
    ...samples,
    { ...line, metric: 'allMissedSeconds', unit: 's', value: allSeconds },
    { ...line, metric: 'recovered', unit: 'share', value: recovered / job.connections },
  ];
}

function isRecovered([verdict]) {
  return verdict?.recovered === true && verdict.replayed === MESSAGES;
}
