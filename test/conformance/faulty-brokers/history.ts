/** Brokers that break B12. */
import type {
  HistoryPage,
  HistoryPolicy,
  HistoryQuery,
  Publication,
  PublishOptions,
  PublishReceipt,
} from '../../../lib/core/index.js';
import { META_TTL_MS, WrappedBroker } from './wrapped-broker.js';

/** Changes the policy of every publish. */
abstract class ChangesPolicy extends WrappedBroker {
  override publish(
    room: string,
    message: Publication,
    options: PublishOptions,
  ): Promise<PublishReceipt> {
    const { history } = options;
    const changed = history === 'volatile' ? history : this.change(history, room);
    return super.publish(room, message, { ...options, history: changed });
  }

  protected abstract change(policy: HistoryPolicy, room: string): HistoryPolicy;
}

/** Changes every page. */
abstract class ChangesPage extends WrappedBroker {
  override async history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    return this.change(await super.history(room, query), query);
  }

  protected abstract change(page: HistoryPage, query: HistoryQuery): HistoryPage;
}

/** Loses a message in the middle, as one store key a message does when one is evicted. */
export class HoldsHoles extends ChangesPage {
  protected override change(page: HistoryPage): HistoryPage {
    return { ...page, messages: page.messages.filter(({ position }) => position.offset !== 2) };
  }
}

/** Does not find the message that was stored last. */
export class EndsBelowTop extends ChangesPage {
  protected override change(page: HistoryPage): HistoryPage {
    const { offset } = page.top;
    return { ...page, messages: page.messages.filter(({ position }) => position.offset < offset) };
  }
}

/** Says another top than that of its messages. */
export class ReadsTopLate extends ChangesPage {
  protected override change(page: HistoryPage): HistoryPage {
    return { ...page, top: { ...page.top, offset: page.top.offset + 1 } };
  }
}

/** Never drops anything for its age. */
export class IgnoresTtl extends ChangesPolicy {
  protected override change(policy: HistoryPolicy): HistoryPolicy {
    return { ...policy, ttlMs: META_TTL_MS };
  }
}

/** Never drops anything for its number. */
export class IgnoresSize extends ChangesPolicy {
  protected override change(policy: HistoryPolicy): HistoryPolicy {
    return { ...policy, size: 1_000 };
  }
}

/** Never drops anything for its bytes. */
export class IgnoresBytes extends ChangesPolicy {
  protected override change(policy: HistoryPolicy): HistoryPolicy {
    return { ...policy, bytes: 1e9 };
  }
}

/** Reads "none" as "all", as `XADD MAXLEN 0` invites to. */
export class TakesNoneForAll extends ChangesPolicy {
  protected override change(policy: HistoryPolicy): HistoryPolicy {
    return policy.size === 0 ? { ...policy, size: 1_000 } : policy;
  }
}

/** Never looks at a policy again. */
export class KeepsFirstPolicy extends ChangesPolicy {
  readonly #policies = new Map<string, HistoryPolicy>();

  protected override change(policy: HistoryPolicy, room: string): HistoryPolicy {
    const first = this.#policies.get(room) ?? policy;
    this.#policies.set(room, first);
    return first;
  }
}

/** Begins a new epoch when a room holds nothing any more: meta that goes with the stream. */
export class ForgetsWithMessages extends ChangesPage {
  protected override change(page: HistoryPage): HistoryPage {
    if (page.messages.length > 0 || page.oldest <= page.top.offset) return page;
    return { top: { epoch: 'new', offset: 0 }, oldest: 1, messages: [] };
  }
}

/** Knows one direction only. */
export class ReadsForwardsOnly extends ChangesPage {
  protected override change(page: HistoryPage, { direction }: HistoryQuery): HistoryPage {
    return direction === 'forwards' ? page : { ...page, messages: page.messages.toReversed() };
  }
}

/** Gives the message at the offset as well. */
export class ReadsInclusively extends WrappedBroker {
  override history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    const { from, direction } = query;
    const step = direction === 'forwards' ? -1 : 1;
    return super.history(room, from === undefined ? query : { ...query, from: from + step });
  }
}

/** Gives nothing where the first message is larger than the page. */
export class GivesEmptyPage extends ChangesPage {
  protected override change(page: HistoryPage, { bytes }: HistoryQuery): HistoryPage {
    const first = page.messages[0]?.payload?.length ?? 0;
    return first > bytes ? { ...page, messages: [] } : page;
  }
}

/** Gives any number of bytes. */
export class IgnoresQueryBytes extends WrappedBroker {
  override history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    return super.history(room, { ...query, bytes: 1e9 });
  }
}

/** Gives any number of messages. */
export class IgnoresQueryLimit extends WrappedBroker {
  override history(room: string, query: HistoryQuery): Promise<HistoryPage> {
    return super.history(room, { ...query, limit: 1e9 });
  }
}

/** Does not store who does not get a message. */
export class DropsFields extends ChangesPage {
  protected override change(page: HistoryPage): HistoryPage {
    return { ...page, messages: page.messages.map((message) => ({ ...message, except: [] })) };
  }
}
