/** Brokers that break B1 to B11. */
import type {
  BrokerListener,
  DeliveredPublication,
  NodeAnswer,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../../lib/core/index.js';
import type { Position } from '../../../lib/protocol/index.js';
import { WrappedBroker } from './wrapped-broker.js';

/** Gives offset 3 out again, as a promoted replica does that lacks the tail. */
export class ReusesOffset extends WrappedBroker {
  override async publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const receipt = await super.publish(room, message, options);
    const { position } = receipt;
    if (position === undefined || position.offset <= 3) return receipt;
    return { ...receipt, position: { ...position, offset: position.offset - 1 } };
  }
}

/** Loses every fourth message on the way to the listener. */
export class LosesMessage extends WrappedBroker {
  #count = 0;

  protected override hear(
    listener: BrokerListener,
    room: string,
    message: DeliveredPublication,
  ): void {
    this.#count += 1;
    if (this.#count % 4 !== 0) listener.message(room, message);
  }
}

/** Brings every message twice. */
export class DoublesMessage extends WrappedBroker {
  protected override hear(
    listener: BrokerListener,
    room: string,
    message: DeliveredPublication,
  ): void {
    listener.message(room, message);
    listener.message(room, message);
  }
}

/** Goes on after `unsubscribe`. */
export class IgnoresUnsubscribe extends WrappedBroker {
  override async unsubscribe(): Promise<void> {
    // The fault.
  }
}

/** Uses a part of the name as the key, so that `a/b` and `a` are one room. */
export class LeaksRooms extends WrappedBroker {
  override publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    return super.publish(room.split(/[/:]/)[0] ?? room, message, options);
  }
}

/** Answers `subscribe` with a top from before the subscription began, and skips what came between. */
export class SubscribesLate extends WrappedBroker {
  override async subscribe(room: string): Promise<Position> {
    const top = await this.inner.top(room);
    await Promise.resolve();
    await this.inner.subscribe(room);
    return top;
  }
}

/** Says goodbye and goes on. */
export class IgnoresClose extends WrappedBroker {
  override async close(): Promise<void> {
    // The fault.
  }
}

/** Tells the other nodes only. */
export class ForgetsItself extends WrappedBroker {
  override async command(): Promise<void> {
    // The fault.
  }
}

/** Asks the other nodes only. */
export class AsksNobody extends WrappedBroker {
  override ask(): Promise<NodeAnswer[]> {
    return Promise.resolve([]);
  }
}

/** Makes up an epoch for a room that is empty. */
export class InventsEpoch extends WrappedBroker {
  override async top(room: string): Promise<Position> {
    const top = await super.top(room);
    return top.offset === 0 ? { epoch: 'none', offset: 0 } : top;
  }
}

/** Keeps the epoch's name although the position was forgotten. */
export class KeepsEpochName extends WrappedBroker {
  override async publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const receipt = await super.publish(room, message, options);
    const { position } = receipt;
    return position === undefined
      ? receipt
      : { ...receipt, position: { ...position, epoch: 'always' } };
  }
}

/** B16. */
export class CriesWolf extends WrappedBroker {
  override async start(listener: BrokerListener): Promise<void> {
    await super.start(listener);
    listener.delayed?.('all');
  }
}
