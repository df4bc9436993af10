import { DEFAULT_PREFIX, hashTag } from './redis-keys.js';

/** Keys and channel of one client's operations. */
export interface ClientReplyKeys {
  /** Hash: how its operations ended. */
  readonly replies: string;
  /** Sorted set: its operations by time. */
  readonly order: string;
  /** Sorted set: those whose replies are kept. */
  readonly kept: string;
  /** Where is published how they end. */
  readonly channel: string;
}

/** The names of everything about replies in Redis. Those of one client have one hash tag. */
export class ReplyKeys {
  /** @param prefix what every key begins with. */
  constructor(private readonly prefix: string = DEFAULT_PREFIX) {}

  /** Of one client. */
  client(name: string): ClientReplyKeys {
    const base = `${this.prefix}:replies:${hashTag(name)}`;
    return {
      replies: `${base}:replies`,
      order: `${base}:order`,
      kept: `${base}:kept`,
      channel: `${base}:ends`,
    };
  }
}
