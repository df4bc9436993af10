/**
 * Payloads of 1 MiB, five a second: how long the event loop is held up, with and without the option
 * `heavyFrames`.
 */
import { Crowd } from '../load/crowd.js';
import { textFrame } from '../load/frame-writer.js';

const SIZES = { full: 10_000, quick: 5_000, smallest: 400 };
const EVERY_MS = 200;
/** Characters of a payload: the frame around it has to fit into 1 MiB. */
const LENGTH = 1_048_000;
/** Frames before anything is measured: the thread is started, code is compiled. */
const WARM_UP = 5;

/** Payloads as JSON texts, by the name of the case. */
const PAYLOADS = {
  // What applications send: lists of records.
  records: () => joined((n) => `{"id":${n},"name":"user ${n}","tags":["a","b"],"at":${n}}`, '[]'),
  // What is dearest to read that is not refused: objects of 9,000 fields each.
  'objects-of-9000-fields': () => joined((n) => `{${fields(n * 9_000, 9_000).join(',')}}`, '[]'),
  // What an attacker sends. With the option it is refused.
  'one-object-of-90000-fields': () => `{${fields(0, 90_000).join(',')}}`,
};

export const heavy = {
  title: 'Large payloads',
  servers: ['ours', 'ours-pool'],
  isApart: true,

  /** The jobs of one run. */
  plan({ servers, size }) {
    const names = Object.keys(PAYLOADS);
    return names.flatMap((name) =>
      servers.map((server) => ({ bench: 'heavy', server, name, ms: SIZES[size] })),
    );
  },

  /** Runs a job; see load/process.js. */
  async measure(server, job) {
    const crowd = new Crowd(job.server, server.port, 1, () => ['bench/hall'], 0);
    await server.call('spread');
    await crowd.connect();
    const payload = PAYLOADS[job.name]();
    let sent = 0;
    const send = () => {
      sent += 1;
      const text = `{"type":"request","id":"${String(sent)}","event":"take","payload":${payload}}`;
      crowd.connections[0].write(textFrame(text));
    };
    for (let n = 0; n < WARM_UP; n += 1) {
      send();
      await crowd.tally.until(sent);
    }
    await server.call('delay', { isOn: true });
    const usedBefore = await server.call('usage');
    const count = Math.ceil(job.ms / EVERY_MS);
    for (let n = 0; n < count; n += 1) {
      send();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    await crowd.tally.until(sent);
    const used = (await server.call('usage')) - usedBefore;
    const { p99, most } = await server.call('delay', { isOn: false });
    crowd.cut();
    const line = { case: job.name, server: job.server, unit: 'us' };
    return [
      { ...line, metric: 'loopDelay', value: p99 },
      { ...line, metric: 'longestDelay', value: most },
      { ...line, metric: 'cpu', value: used / count },
    ];
  },
};

/** Members one behind the other until the text is as long as it should be. */
function joined(member, [open, close]) {
  const members = [];
  let length = 2;
  for (let n = 0; ; n += 1) {
    const text = member(n);
    length += text.length + 1;
    if (length > LENGTH) return open + members.join(',') + close;
    members.push(text);
  }
}

function fields(from, count) {
  return Array.from({ length: count }, (_, n) => `"k${String(from + n)}":${String(n % 10)}`);
}
