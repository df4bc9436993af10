import { WsTransport } from '../../lib/transport/ws-transport.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { closeBytes, frameBytes, Opcode, type RawSocket } from '../support/raw-socket.js';
import { WireServer } from '../support/wire-server.js';
import { until } from '../support/turns.js';
import { runSuite } from './suite.js';
import {
  transportChecks,
  type PeerEnd,
  type TransportLink,
  type TransportWorld,
} from './transport.suite.js';

function peerEnd(raw: RawSocket): PeerEnd {
  return {
    get texts() {
      return raw.texts;
    },
    get end() {
      return raw.close;
    },
    say: (message) => {
      if (typeof message === 'string') raw.send(message);
      else raw.send(Buffer.from(message), { opcode: Opcode.Binary });
    },
    hangUp: (code, reason) => {
      raw.write(closeBytes(code, reason));
    },
    breakOff: () => {
      raw.reset();
    },
    stopReading: () => {
      raw.socket.pause();
    },
    startReading: () => {
      raw.socket.resume();
    },
    fallSilent: () => {
      raw.answersPings = false;
    },
  };
}

async function makeWorld(): Promise<TransportWorld> {
  const clock = new ManualClock();
  const server = await WireServer.start({ clock });
  return {
    connect: async (withHandshake = []): Promise<TransportLink> => {
      const count = server.links.length;
      const first = Buffer.concat(withHandshake.map((text) => frameBytes(text)));
      const raw = await server.connect({ first });
      await until(() => server.links.length > count);
      const link = server.links[count];
      if (!(link?.transport instanceof WsTransport)) throw new Error('expected a WsTransport');
      return { ...link, peer: peerEnd(raw) };
    },
    advance: (ms) => {
      clock.advance(ms);
    },
    dispose: () => server.dispose(),
  };
}

runSuite('WsTransport', transportChecks, makeWorld);
