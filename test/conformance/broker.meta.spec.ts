/** A suite that cannot fail proves nothing: brokers with one fault each, and the clauses that find it. */
import { describe, expect, it } from '@jest/globals';

import type {
  Broker,
  BrokerListener,
  ControlCommand,
  NodeAnswer,
  NodeQuestion,
  Publication,
  PublishReceipt,
} from '../../lib/core/index.js';
import { MemoryBroker } from '../../lib/memory/index.js';
import type { Position } from '../../lib/protocol/index.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { CountingRandom } from '../support/fakes.js';
import { turn } from '../support/turns.js';
import { brokerChecks, type BrokerWorld } from './broker.suite.js';
import { brokenClauses } from './suite.js';

/** A broker that works; a fault is one method of it done wrong. */
class WrappedBroker implements Broker {
  protected readonly inner: Broker;
  protected listener: BrokerListener | undefined;

  constructor(clock: ManualClock) {
    this.inner = new MemoryBroker(clock, new CountingRandom('epoch'), { metaTtlMs: 1_000 });
  }

  start(listener: BrokerListener): Promise<void> {
    this.listener = listener;
    return this.inner.start(listener);
  }

  publish(room: string, message: Publication): Promise<PublishReceipt> {
    return this.inner.publish(room, message);
  }

  subscribe(room: string): Promise<Position> {
    return this.inner.subscribe(room);
  }

  unsubscribe(room: string): Promise<void> {
    return this.inner.unsubscribe(room);
  }

  top(room: string): Promise<Position> {
    return this.inner.top(room);
  }

  command(command: ControlCommand): Promise<void> {
    return this.inner.command(command);
  }

  ask(question: NodeQuestion): Promise<NodeAnswer[]> {
    return this.inner.ask(question);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Gives offset 3 out again, as a promoted replica does that lacks the tail. */
class ReusesOffset extends WrappedBroker {
  override async publish(room: string, message: Publication): Promise<PublishReceipt> {
    const receipt = await super.publish(room, message);
    const { epoch, offset } = receipt.position;
    return { ...receipt, position: { epoch, offset: offset > 3 ? offset - 1 : offset } };
  }
}

/** Loses every fourth message on the way to the listener. */
class LosesMessage extends WrappedBroker {
  override start(listener: BrokerListener): Promise<void> {
    let count = 0;
    return this.inner.start({
      message: (room, message) => {
        count += 1;
        if (count % 4 !== 0) listener.message(room, message);
      },
      command: (command) => {
        listener.command(command);
      },
      answer: (question) => listener.answer(question),
    });
  }
}

/** Brings every message twice. */
class DoublesMessage extends WrappedBroker {
  override start(listener: BrokerListener): Promise<void> {
    return this.inner.start({
      message: (room, message) => {
        listener.message(room, message);
        listener.message(room, message);
      },
      command: (command) => {
        listener.command(command);
      },
      answer: (question) => listener.answer(question),
    });
  }
}

/** Goes on after `unsubscribe`. */
class IgnoresUnsubscribe extends WrappedBroker {
  override async unsubscribe(): Promise<void> {
    // The fault.
  }
}

/** Uses a part of the name as the key, so that `a/b` and `a` are one room. */
class LeaksRooms extends WrappedBroker {
  override publish(room: string, message: Publication): Promise<PublishReceipt> {
    return super.publish(room.split(/[/:]/)[0] ?? room, message);
  }
}

/** Answers `subscribe` with a top from before the subscription began, and skips what came between. */
class SubscribesLate extends WrappedBroker {
  override async subscribe(room: string): Promise<Position> {
    const top = await this.inner.top(room);
    await Promise.resolve();
    await this.inner.subscribe(room);
    return top;
  }
}

/** Says goodbye and goes on. */
class IgnoresClose extends WrappedBroker {
  override async close(): Promise<void> {
    // The fault.
  }
}

/** Tells the other nodes only. */
class ForgetsItself extends WrappedBroker {
  override async command(): Promise<void> {
    // The fault.
  }
}

/** Makes up an epoch for a room that is empty. */
class InventsEpoch extends WrappedBroker {
  override async top(room: string): Promise<Position> {
    const top = await super.top(room);
    return top.offset === 0 ? { epoch: 'none', offset: 0 } : top;
  }
}

/** Keeps the epoch's name although the position was forgotten. */
class KeepsEpochName extends WrappedBroker {
  override async publish(room: string, message: Publication): Promise<PublishReceipt> {
    const receipt = await super.publish(room, message);
    return { ...receipt, position: { ...receipt.position, epoch: 'always' } };
  }
}

const faults: [string, new (clock: ManualClock) => Broker, string[]][] = [
  ['gives an offset twice', ReusesOffset, ['B1']],
  ['leaves a message out', LosesMessage, ['B2', 'B3']],
  ['delivers twice', DoublesMessage, ['B2', 'B3', 'B4']],
  ['delivers after unsubscribe', IgnoresUnsubscribe, ['B5']],
  ['mixes rooms', LeaksRooms, ['B9']],
  ['subscribes after it has read the top', SubscribesLate, ['B4']],
  ['goes on after close', IgnoresClose, ['B11']],
  ['forgets its own node', ForgetsItself, ['B8']],
  ['invents an epoch for an empty room', InventsEpoch, ['B7']],
  ['reuses an epoch', KeepsEpochName, ['B6']],
];

describe('the broker suite', () => {
  it.each(faults)('goes red for a broker that %s', async (_, Faulty, clauses) => {
    const make = (): Promise<BrokerWorld> => {
      const clock = new ManualClock();
      const broker = new Faulty(clock);
      return Promise.resolve({
        nodes: [broker],
        forget: async () => {
          clock.advance(1_001);
          await broker.top('another');
        },
        settle: turn,
        dispose: () => undefined,
      });
    };
    expect(await brokenClauses(brokerChecks, make)).toEqual(expect.arrayContaining(clauses));
  });

  it('has a check for every clause of the contract', () => {
    const clauses = new Set(brokerChecks.map(({ clause }) => clause));
    expect([...clauses]).toEqual(Array.from({ length: 11 }, (__, n) => `B${String(n + 1)}`));
  });
});
