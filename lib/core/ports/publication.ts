import type { Position } from '../../protocol/index.js';

/** A message on its way into a room. */
export interface Publication {
  /** Unique name of the message. */
  readonly id: string;
  readonly event: string;
  /** Milliseconds since 1970, by the publishing node's clock. */
  readonly timestamp: number;
  /** JSON text of the payload. Absent: no payload. */
  readonly payload?: string;
  /** Connections that do not get it live, by id. Absent: everyone gets it. */
  readonly except?: readonly string[];
  /**
   * Of a volatile message: what it is the latest of. While it waits for a peer that is behind, a newer one
   * of the room with the same text here takes its place. Absent: it is skipped there.
   */
  readonly latest?: string;
}

/** A publication with its place in the room. */
export interface StoredPublication extends Publication {
  readonly position: Position;
}

/** A publication as it reaches a node: without a position if it is volatile. */
export type DeliveredPublication = Publication & { readonly position?: Position };
