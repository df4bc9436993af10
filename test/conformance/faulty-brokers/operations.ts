/** Brokers that break B13. */
import type {
  Operation,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../../lib/core/index.js';
import type { ManualClock } from '../../../lib/testing/manual-clock.js';
import { OPERATIONS, WrappedBroker } from './wrapped-broker.js';

/** Changes the name of every operation. */
abstract class ChangesOperation extends WrappedBroker {
  override publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const { history, operation } = options;
    const changed = operation && this.change(operation, options);
    return super.publish(
      room,
      message,
      changed === undefined ? { history } : { history, operation: changed },
    );
  }

  protected abstract change(operation: Operation, options: PublishOptions): Operation | undefined;
}

/** Does every publish. */
export class ForgetsOperations extends ChangesOperation {
  protected override change(): undefined {
    return undefined;
  }
}

/** Does not look at the first publish's name of the message. */
export class AnswersOwnId extends WrappedBroker {
  override async publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    return { ...(await super.publish(room, message, options)), id: message.id };
  }
}

/** Stores a repeat once, and delivers it again. */
export class DeliversRepeat extends WrappedBroker {
  override async publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const receipt = await super.publish(room, message, options);
    const { id, position } = receipt;
    if (id !== message.id)
      this.listener?.message(room, { ...message, ...(position && { position }) });
    return receipt;
  }
}

/** Looks whether an operation was done, and does it in a second step. */
export class LooksTooEarly extends WrappedBroker {
  readonly #receipts = new Map<string, PublishReceipt>();

  override async publish(
    room: string,
    message: Publication,
    { history, operation }: PublishOptions,
  ): Promise<PublishReceipt> {
    if (operation === undefined) return super.publish(room, message, { history });
    const key = JSON.stringify([operation.client, operation.id]);
    const known = this.#receipts.get(key);
    if (known !== undefined) return known;
    const receipt = await super.publish(room, message, { history });
    this.#receipts.set(key, receipt);
    return receipt;
  }
}

/** Looks at the operation's name only. */
export class MixesClients extends ChangesOperation {
  protected override change({ id }: Operation): Operation {
    return { client: 'everybody', id };
  }
}

/** Makes one name of two. */
export class GluesNames extends ChangesOperation {
  protected override change({ client, id }: Operation): Operation {
    return { client: `${client}${id}`, id: '' };
  }
}

/** Has no window in time. */
export class RemembersForEver extends WrappedBroker {
  constructor(clock: ManualClock) {
    super(clock, { operations: { ...OPERATIONS, windowMs: 1e12 } });
  }
}

/** Has a window that is too short. */
export class ForgetsEarly extends WrappedBroker {
  constructor(clock: ManualClock) {
    super(clock, { operations: { ...OPERATIONS, windowMs: OPERATIONS.windowMs / 2 } });
  }
}

/** Has a window that is too small. */
export class RemembersHalf extends WrappedBroker {
  constructor(clock: ManualClock) {
    super(clock, { operations: { ...OPERATIONS, perClient: OPERATIONS.perClient / 2 } });
  }
}

/** Has one window for everybody. */
export class SharesWindow extends WrappedBroker {
  constructor(clock: ManualClock) {
    super(clock, { operations: { ...OPERATIONS, total: OPERATIONS.perClient } });
  }
}

/** Takes what is not stored for what need not be remembered. */
export class RepeatsVolatile extends ChangesOperation {
  protected override change(
    operation: Operation,
    { history }: PublishOptions,
  ): Operation | undefined {
    return history === 'volatile' ? undefined : operation;
  }
}
