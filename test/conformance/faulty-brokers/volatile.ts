/** Brokers that break B14. */
import type {
  BrokerListener,
  DeliveredPublication,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../../lib/core/index.js';
import { KEPT } from '../broker.world.js';
import { WrappedBroker } from './wrapped-broker.js';

/** Does not know volatile messages. */
export class StoresVolatile extends WrappedBroker {
  override publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const history = options.history === 'volatile' ? KEPT : options.history;
    return super.publish(room, message, { ...options, history });
  }
}

/** Says of every message what it says of stored ones. */
export class ClaimsDurability extends WrappedBroker {
  override async publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    return { ...(await super.publish(room, message, options)), durability: 'memory' };
  }
}

/** Counts volatile messages, and keeps none of the room then. */
export class CountsVolatile extends WrappedBroker {
  override publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const history = options.history === 'volatile' ? { ...KEPT, size: 0 } : options.history;
    return super.publish(room, message, { ...options, history });
  }
}

/** Sends volatile messages by another way, on which they are overtaken. */
export class DelaysVolatile extends WrappedBroker {
  protected override hear(
    listener: BrokerListener,
    room: string,
    message: DeliveredPublication,
  ): void {
    if (message.position !== undefined) listener.message(room, message);
    else queueMicrotask(() => listener.message(room, message));
  }
}

/** Delivers what is stored only. */
export class DropsVolatile extends WrappedBroker {
  protected override hear(
    listener: BrokerListener,
    room: string,
    message: DeliveredPublication,
  ): void {
    if (message.position !== undefined) listener.message(room, message);
  }
}
