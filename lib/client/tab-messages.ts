/**
 * What pages tell each other about their common connection. Structured, because they are of one origin; those of
 * another version that does not understand this have another channel, see `FORMAT` in share-tabs.ts.
 */
import type { ClientIdentity } from './identity.js';

/** Who all pages together are to the server. */
export type SharedIdentity = Readonly<Omit<ClientIdentity, 'lastId'>>;

/** From a page's socket to the page that has the connection. `from` is the socket's random name. */
export type ToHub =
  | { readonly kind: 'open'; readonly from: string; readonly url: string }
  | { readonly kind: 'send'; readonly from: string; readonly data: string }
  | {
      readonly kind: 'close';
      readonly from: string;
      readonly code: number | undefined;
      readonly reason: string | undefined;
    };

/** Back. `hub` names the connection; without `to`: for every socket that shares it. */
export type FromHub =
  /** Another page has the connection now, and knows nothing of what was open. */
  | { readonly kind: 'leader' }
  /** Who all pages together are to the server; the next one to connect goes on from there. */
  | { readonly kind: 'identity'; readonly identity: SharedIdentity }
  | { readonly kind: 'opened'; readonly hub: string; readonly to: string }
  /** The runtime of the page that has the connection does not take the socket's URL. */
  | { readonly kind: 'refused'; readonly to: string; readonly cause: string }
  | { readonly kind: 'frame'; readonly hub: string; readonly to?: string; readonly data: string }
  | {
      readonly kind: 'closed';
      readonly hub: string;
      readonly code: number;
      readonly reason: string;
    };

/** Anything of the channel. */
export type TabMessage = ToHub | FromHub;
