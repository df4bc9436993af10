/** A suite that cannot fail proves nothing: stores with one fault each, and the clauses that find it. */
import { describe, expect, it } from '@jest/globals';

import type {
  Claim,
  Operation,
  RepeatedReply,
  ReplyStore,
  StoredReply,
} from '../../lib/core/index.js';
import { MemoryReplyStore, type ReplyBook } from '../../lib/memory/index.js';
import { replyStoreChecks } from './reply-store.suite.js';
import { BOUNDS, goodWorld, worldOf } from './reply-store.world.js';
import { brokenClauses } from './suite.js';

type First = Extract<Claim, { isFirst: true }>;

/** A store that works; a fault is one part of it done wrong. */
class Wrapped implements ReplyStore {
  protected readonly inner: ReplyStore;

  constructor(book: ReplyBook) {
    this.inner = new MemoryReplyStore(book);
  }

  async claim(operation: Operation): Promise<Claim> {
    const claim = await this.inner.claim(this.name(operation));
    if (claim.isFirst) return this.first(claim, operation);
    return { isFirst: false, reply: claim.reply.then((reply) => this.told(reply)) };
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  protected name(operation: Operation): Operation {
    return operation;
  }

  protected first: (claim: First, operation: Operation) => Claim = (claim) => claim;

  protected told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    return reply;
  }
}

/** Asks whether the operation is known, and notes it in a second step. */
class LooksTooEarly extends Wrapped {
  static known = new WeakMap<ReplyBook, Set<string>>();
  readonly #known: Set<string>;

  constructor(book: ReplyBook) {
    super(book);
    this.#known = LooksTooEarly.known.get(book) ?? new Set();
    LooksTooEarly.known.set(book, this.#known);
  }

  override async claim(operation: Operation): Promise<Claim> {
    const key = JSON.stringify(operation);
    const isKnown = this.#known.has(key);
    await Promise.resolve();
    this.#known.add(key);
    const claim = await super.claim(operation);
    if (isKnown || claim.isFirst) return claim;
    const nothing = (): Promise<void> => Promise.resolve();
    return { isFirst: true, settle: nothing, abandon: nothing };
  }
}

/** Remembers for each node alone. */
class KnowsOwnOnly extends Wrapped {
  static count = 0;
  readonly #node = `node ${String((KnowsOwnOnly.count += 1))} `;

  protected override name({ client, id }: Operation): Operation {
    return { client: `${this.#node}${client}`, id };
  }
}

/** Lets whoever waits go with nothing. */
class ForgetsWaiting extends Wrapped {
  override async claim(operation: Operation): Promise<Claim> {
    const claim = await super.claim(operation);
    if (claim.isFirst) return claim;
    const reply = Promise.race([claim.reply, Promise.resolve().then(() => undefined)]);
    return { isFirst: false, reply };
  }
}

/** Keeps of an error what every error has. */
class KeepsNoDetails extends Wrapped {
  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    if (reply === undefined || !('error' in reply)) return reply;
    const { code, message } = reply.error;
    return { error: { code, message } };
  }
}

/** Parses payloads and writes them anew. */
class WritesPayloadAnew extends Wrapped {
  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    if (reply === undefined || !('payload' in reply)) return reply;
    return { payload: JSON.stringify(JSON.parse(reply.payload)) };
  }
}

/** Takes "no payload" for the payload null. */
class AnswersNull extends Wrapped {
  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    return JSON.stringify(reply) === '{}' ? { payload: 'null' } : reply;
  }
}

/** Takes the last reply for the one that counts. */
class SettlesAgain extends Wrapped {
  static readonly last = new Map<string, StoredReply>();

  protected override first = (claim: First, { client, id }: Operation): Claim => {
    return {
      ...claim,
      settle: (reply) => {
        if (this.#settled) SettlesAgain.last.set(`${client} ${id}`, reply);
        this.#settled = true;
        return claim.settle(reply);
      },
    };
  };

  #settled = false;

  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    return SettlesAgain.last.get('ada 1') ?? reply;
  }
}

/** Does not know how to give up. */
class NeverAbandons extends Wrapped {
  protected override first = (claim: First): Claim => {
    return { ...claim, abandon: () => Promise.resolve() };
  };
}

/** Tells those that waited what they would be told of a reply without payload. */
class AbandonsWithReply extends Wrapped {
  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    return reply ?? {};
  }
}

/** One key for both parts, without a mark between them. */
class JoinsNames extends Wrapped {
  protected override name({ client, id }: Operation): Operation {
    return { client: 'all', id: client + id };
  }
}

/** One client for all: they share its number of operations. */
class SharesNumber extends Wrapped {
  protected override name({ client, id }: Operation): Operation {
    return { client: 'all', id: JSON.stringify([client, id]) };
  }
}

/** Forgets what is settled. */
class ForgetsSettled extends Wrapped {
  protected override first = (claim: First): Claim => {
    return {
      ...claim,
      settle: async () => {
        await claim.abandon();
      },
    };
  };
}

/** Never forgets. */
class NeverForgets extends Wrapped {
  static readonly replies = new WeakMap<ReplyBook, Map<string, StoredReply>>();
  readonly #replies: Map<string, StoredReply>;

  constructor(book: ReplyBook) {
    super(book);
    this.#replies = NeverForgets.replies.get(book) ?? new Map<string, StoredReply>();
    NeverForgets.replies.set(book, this.#replies);
  }

  override async claim(operation: Operation): Promise<Claim> {
    const claim = await super.claim(operation);
    const known = this.#replies.get(JSON.stringify(operation));
    if (!claim.isFirst || known === undefined) return claim;
    return { isFirst: false, reply: Promise.resolve(known) };
  }

  protected override first = (claim: First, operation: Operation): Claim => {
    return {
      ...claim,
      settle: (reply) => {
        this.#replies.set(JSON.stringify(operation), reply);
        return claim.settle(reply);
      },
    };
  };
}

/** Leaves those that wait alone when it is closed. */
class ClosesSilently extends Wrapped {
  override async close(): Promise<void> {
    // The fault.
  }
}

/** Keeps nothing of a reply that is too large, not even that there was one. */
class ForgetsLarge extends Wrapped {
  protected override first = (claim: First): Claim => {
    return {
      ...claim,
      settle: (reply) => {
        const { length } = JSON.stringify(reply);
        return length > BOUNDS.maxReplyBytes ? claim.abandon() : claim.settle(reply);
      },
    };
  };
}

/** Refuses to keep more than half of what it may. */
class KeepsHalf extends Wrapped {
  protected override told(reply: RepeatedReply | undefined): RepeatedReply | undefined {
    const { length } = JSON.stringify(reply ?? '');
    return length > BOUNDS.maxReplyBytes / 2 ? { isOmitted: true } : reply;
  }
}

/** Waits for ever. */
class HasNoLease extends Wrapped {
  override async claim(operation: Operation): Promise<Claim> {
    const claim = await super.claim(operation);
    if (claim.isFirst) return claim;
    const reply = claim.reply.then((told) => told ?? new Promise<undefined>(() => undefined));
    return { isFirst: false, reply };
  }
}

/** Takes a lease that is over for an operation that never was. */
class LeaseForgets extends Wrapped {
  static readonly claims = new WeakMap<ReplyBook, Map<string, First>>();
  readonly #claims: Map<string, First>;

  constructor(book: ReplyBook) {
    super(book);
    this.#claims = LeaseForgets.claims.get(book) ?? new Map<string, First>();
    LeaseForgets.claims.set(book, this.#claims);
  }

  override async claim(operation: Operation): Promise<Claim> {
    const claim = await super.claim(operation);
    if (claim.isFirst) return claim;
    const reply = await Promise.race([claim.reply, Promise.resolve('open' as const)]);
    if (reply !== undefined) return claim;
    await this.#claims.get(JSON.stringify(operation))?.abandon();
    return super.claim(operation);
  }

  protected override first = (claim: First, operation: Operation): Claim => {
    this.#claims.set(JSON.stringify(operation), claim);
    return claim;
  };
}

const faults: [string, new (book: ReplyBook) => ReplyStore, string[]][] = [
  ['looks in one step and notes in another', LooksTooEarly, ['O1']],
  ['shares nothing between nodes', KnowsOwnOnly, ['O1', 'O2']],
  ['lets whoever waits go at once', ForgetsWaiting, ['O2']],
  ['drops the details of errors', KeepsNoDetails, ['O2']],
  ['writes payloads anew', WritesPayloadAnew, ['O2']],
  ['answers null for nothing', AnswersNull, ['O2']],
  ['lets a reply be changed', SettlesAgain, ['O2']],
  ['never abandons', NeverAbandons, ['O3']],
  ['has a reply for what was abandoned', AbandonsWithReply, ['O3']],
  ['joins names without a mark', JoinsNames, ['O4']],
  ['counts all clients as one', SharesNumber, ['O4']],
  ['forgets what is settled', ForgetsSettled, ['O1', 'O2', 'O5']],
  ['never forgets', NeverForgets, ['O5']],
  ['leaves those that wait when it is closed', ClosesSilently, ['O6']],
  ['forgets large replies', ForgetsLarge, ['O7']],
  ['keeps half of what it may', KeepsHalf, ['O7']],
  ['waits for ever', HasNoLease, ['O8']],
  ['forgets with the lease', LeaseForgets, ['O8']],
];

describe('the suite of ReplyStore', () => {
  it('finds nothing in a store that works', async () => {
    expect(await brokenClauses(replyStoreChecks, goodWorld)).toEqual([]);
  });

  it.each(faults)('finds a store that %s', async (_, Faulty, clauses) => {
    const broken = await brokenClauses(replyStoreChecks, () =>
      Promise.resolve(worldOf((book) => new Faulty(book))),
    );
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });

  it('has a check for every clause, and a fault for every check’s clause', () => {
    const clauses = ['O1', 'O2', 'O3', 'O4', 'O5', 'O6', 'O7', 'O8'];
    expect([...new Set(replyStoreChecks.map(({ clause }) => clause))]).toEqual(clauses);
    const found = new Set(faults.flatMap(([, , broken]) => broken));
    expect([...found].sort()).toEqual(clauses);
  });
});
