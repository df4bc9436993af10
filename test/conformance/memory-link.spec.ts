/** The tests' own transport keeps the contract as well, or tests of the core would prove nothing. */
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { DEFAULT_HEARTBEAT } from '../../lib/transport/index.js';
import { Heartbeat } from '../../lib/transport/heartbeat.js';
import { MemoryLink } from '../support/memory-link.js';
import { ListenerLog } from '../support/wire-server.js';
import { runSuite } from './suite.js';
import { transportChecks, type TransportWorld } from './transport.suite.js';

function makeWorld(): Promise<TransportWorld> {
  const clock = new ManualClock();
  const heartbeat = new Heartbeat(clock, DEFAULT_HEARTBEAT, 60_000);
  return Promise.resolve({
    connect: (withHandshake = []) => {
      const link = new MemoryLink(clock);
      const log = new ListenerLog();
      for (const text of withHandshake) link.say(text);
      link.attach(log, heartbeat);
      const peer = {
        texts: link.received,
        get end() {
          return link.peerEnd;
        },
        say: link.say.bind(link),
        hangUp: link.hangUp.bind(link),
        breakOff: link.breakOff.bind(link),
        stopReading: link.stopReading.bind(link),
        startReading: link.startReading.bind(link),
        fallSilent: link.fallSilent.bind(link),
      };
      return Promise.resolve({ transport: link, log, peer });
    },
    advance: (ms: number) => {
      clock.advance(ms);
    },
    dispose: () => undefined,
  });
}

runSuite('MemoryLink', transportChecks, makeWorld);
