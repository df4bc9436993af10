import { encodeServerFrame } from '../protocol/index.js';
import type { DeliveredPublication, StoredPublication } from './ports/index.js';

const encoder = new TextEncoder();

/** The text of a message frame. */
export function encodeMessage(
  room: string | undefined,
  { id, event, timestamp, payload, position }: DeliveredPublication,
): string {
  return encodeServerFrame({
    type: 'message',
    ...(room === undefined ? {} : { room }),
    event,
    id,
    timestamp,
    ...position,
    ...(payload === undefined ? {} : { payload: { text: payload } }),
  });
}

/** The bytes of a message frame: for many peers they are made once. */
export function encodeMessageBytes(room: string, publication: DeliveredPublication): Uint8Array {
  return encoder.encode(encodeMessage(room, publication));
}

/** The text of a message in a page of history. */
export function encodeHistoryMessage({
  id,
  event,
  timestamp,
  payload,
  position,
}: StoredPublication): string {
  const text = JSON.stringify({ event, id, timestamp, offset: position.offset });
  return payload === undefined ? text : `${text.slice(0, -1)},"payload":${payload}}`;
}
