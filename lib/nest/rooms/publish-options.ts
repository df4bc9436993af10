import { assertEvent, payloadText, type Outgoing } from '../../core/index.js';
import type { RealtimeConnection } from '../connection/realtime-connection.js';

/** A connection, or its id. */
export type ConnectionRef = string | RealtimeConnection;

/** How to publish. */
export interface PublishOptions {
  /**
   * Connections that do not get the message live: the author's own, typically. They are told the
   * room's new position instead, so that to them nothing looks lost.
   */
  readonly except?: ConnectionRef | readonly ConnectionRef[];
  /**
   * Whether the message is of use only now: it has no position, is not stored, and who misses it
   * never gets it. Default: what the room's class says of the event.
   */
  readonly volatile?: boolean;
  /**
   * What the message is the latest of, such as a user's cursor: 1 to 64 characters. It is volatile, and to
   * a client that is behind only the last one with this text is sent, once it has caught up. Absent: a
   * volatile message is skipped there. Counts within a room, whatever the event.
   */
  readonly latest?: string;
}

/**
 * A message as the core takes it.
 *
 * @throws RealtimeError `invalid-field` for a bad event name.
 */
export function outgoingOf(event: string, payload: unknown): Outgoing {
  assertEvent(event);
  return { event, payload: payloadText(payload) };
}

/** The id of a connection. */
export function idOf(connection: ConnectionRef): string {
  return typeof connection === 'string' ? connection : connection.id;
}

/** The ids of connections; none if there are none. */
export function idsOf(except: PublishOptions['except']): string[] {
  if (except === undefined) return [];
  return isList(except) ? except.map(idOf) : [idOf(except)];
}

function isList(except: NonNullable<PublishOptions['except']>): except is readonly ConnectionRef[] {
  return Array.isArray(except);
}
