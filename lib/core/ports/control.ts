import type { RevocationRule, Session } from './authentication.js';
import type { Publication } from './publication.js';

/** Something every node has to do to its own connections. */
export type ControlCommand =
  | { readonly kind: 'to-user'; readonly userId: string; readonly publication: Publication }
  | { readonly kind: 'to-all'; readonly publication: Publication }
  | {
      /** Ends sessions and keeps their tokens out. */
      readonly kind: 'revoke';
      readonly rule: RevocationRule;
    }
  | {
      /** Asks the room classes again what a user may. */
      readonly kind: 'reauthorize';
      readonly userId: string;
    }
  | {
      readonly kind: 'disconnect';
      readonly target: { readonly connectionId: string } | { readonly userId: string };
      readonly code: number;
      readonly reason: string;
    }
  | {
      /** Ends older connections of a client instance, which has come back on this one. */
      readonly kind: 'replace';
      readonly userId: string;
      readonly client: string;
      /** Which of its connections it is, see `hello`. Absent: the client does not say. */
      readonly attempt?: number;
      readonly connectionId: string;
      /** When its session began, by its node's clock; milliseconds since 1970. */
      readonly since: number;
    };

/** Something that every node is asked about its own connections. */
export type NodeQuestion =
  | { readonly kind: 'sessions'; readonly userId: string }
  | {
      /** Has clients asked, and waits for their answers. */
      readonly kind: 'request';
      readonly target: RequestTarget;
      readonly event: string;
      /** JSON text. Absent: no payload. */
      readonly payload?: string;
      /** How long a node waits for its clients, in milliseconds. */
      readonly timeoutMs: number;
      /** The node that asks: it has asked its own clients already. Absent: every node asks its own. */
      readonly asker?: string;
    };

/** Which connections are asked: one, those of a user, or those in a room. */
export type RequestTarget =
  { readonly connectionId: string } | { readonly userId: string } | { readonly room: string };

/** What a client answered. */
export interface ClientReply {
  readonly connectionId: string;
  readonly userId: string;
  readonly outcome:
    | {
        readonly kind: 'answered';
        /** JSON text. Absent: the client acknowledged without a payload. */
        readonly payload?: string;
      }
    | { readonly kind: 'refused'; readonly code: string; readonly message: string }
    | {
        /** It did not answer in time, or its connection ended. */
        readonly kind: 'silent';
        /** Its connection ended. */
        readonly ended?: true;
      };
}

/** What one node knows, by the kind of question. */
export type NodeAnswer =
  | { readonly kind: 'sessions'; readonly sessions: readonly Session[] }
  | { readonly kind: 'request'; readonly replies: readonly ClientReply[] };
