/** The measures as tables show them. */

const plain = (value) => String(Number(value.toPrecision(3)));
const whole = (value) => Math.round(value).toLocaleString('en');
const milliseconds = (value) => plain(value / 1_000);

/** Title and notation of each metric, in the order of the columns. */
export const METRICS = new Map(
  Object.entries({
    cpu: { title: 'server CPU, µs', show: plain },
    addedCpu: { title: 'more than the bare handler, µs', show: plain },
    cpuToOne: { title: 'CPU against one process, x', show: plain },
    rateToOne: { title: 'a second against one process, x', show: plain },
    share: {
      title: 'connections of the process with fewer',
      show: (value) => `${plain(value * 100)} %`,
    },
    bytes: { title: 'resident bytes a connection', show: whole },
    roomBytes: { title: 'bytes of a room more', show: whole },
    handshakeCpu: { title: 'CPU of a connect, µs', show: plain },
    beforeP99: { title: 'p99 before, ms', show: milliseconds },
    p99ToBefore: { title: 'p99 against before, x', show: plain },
    seconds: { title: 'all are back after, s', show: plain },
    allMissedSeconds: { title: 'all have what they missed after, s', show: plain },
    recovered: { title: 'recovered', show: (value) => `${plain(value * 100)} %` },
    redisCpu: { title: 'Redis CPU a message, µs', show: plain },
    commands: { title: 'commands in Redis a message', show: plain },
    bytesIn: { title: 'bytes to Redis a message', show: whole },
    bytesOut: { title: 'bytes from Redis a message', show: whole },
    received: { title: 'messages from Redis', show: whole },
    wasted: { title: 'of them for nobody', show: (value) => `${plain(value * 100)} %` },
    grownBytes: { title: 'resident above idle at most, MB', show: (value) => plain(value / 1e6) },
    flooded: { title: 'to each stuck one, MB/s', show: (value) => plain(value / 1e6) },
    loopDelay: { title: 'event loop held up, p99, ms', show: milliseconds },
    longestDelay: { title: 'at most, ms', show: milliseconds },
    aloneP99: { title: 'small requests alone, p99, ms', show: milliseconds },
    besideP99: { title: 'beside large ones, p99, ms', show: milliseconds },
    addedP99: { title: 'more by, ms', show: milliseconds },
    rate: { title: 'a second', show: whole },
    p50: { title: 'p50, ms', show: milliseconds },
    p99: { title: 'p99, ms', show: milliseconds },
    p99ToAlone: { title: 'p99 against without, x', show: plain },
    loadCpu: { title: 'CPU of the load, µs', show: plain },
  }),
);

/** Figures of a case next to each other, cases and servers in the order in which they came first. */
export function byCase(figures) {
  const cases = [...new Set(figures.map(({ case: name }) => name))];
  return cases.flatMap((name) => figures.filter((figure) => figure.case === name));
}

/** A median with its range, if there was more than one run. */
export function shown({ metric, median, min, max, runs, ratio_to: peer, ratio_to_case: other }) {
  const show = (peer ?? other) ? plain : METRICS.get(metric).show;
  return runs > 1 ? `${show(median)} (${show(min)}–${show(max)})` : show(median);
}

/** How the servers are called. */
export const NAMES = new Map([
  ['ours', '**nestjs-realtime**'],
  ['ours-pool', '**nestjs-realtime**, `heavyFrames`'],
  ['ws', 'bare `ws`'],
  ['platform-ws', '`@nestjs/platform-ws`'],
  ['socketio', 'Socket.IO'],
  ['platform-socketio', '`@nestjs/platform-socket.io`'],
  ['uwebsockets', 'uWebSockets'],
  ['redis-adapter', 'Socket.IO, `redis-adapter`'],
  ['sharded-adapter', 'Socket.IO, its sharded adapter'],
  ['streams-adapter', 'Socket.IO, `redis-streams-adapter`'],
]);
