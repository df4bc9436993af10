import type { ChatContract } from '../../01-chat/src/chat.contract.js';

/** What nodes and pages agree on: the chat, and the numbers that show that nothing is lost. */
export interface ClusterContract {
  requests: ChatContract['requests'] & { 'node.where': { response: Whereabouts } };
  rooms: ChatContract['rooms'] & {
    'ticks/:name': { events: { tick: Tick }; publish: { tick: Tick } };
  };
}

/** A node. */
export interface Place {
  /** `a`, `b` or `c`. */
  readonly name: string;
  /** The id of its process. */
  readonly pid: number;
}

/** Where a connection is, and from where it came. */
export interface Whereabouts extends Place {
  /** Address of the client, as the proxy told it. */
  readonly address: string;
}

/** A number that somebody said. */
export interface Tick {
  /** Names whoever said it. */
  readonly from: string;
  /** Rises by 1. */
  readonly number: number;
}
