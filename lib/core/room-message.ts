import type { DeliveredPublication, StoredPublication } from './ports/index.js';

const encoder = new TextEncoder();

/** The text of a message frame. Put together by hand: it is made for each publish. */
export function encodeMessage(
  room: string | undefined,
  { id, event, timestamp, payload, position }: DeliveredPublication,
): string {
  let text = '{"type":"message"';
  if (room !== undefined) text += `,"room":${JSON.stringify(room)}`;
  text += `,"event":${JSON.stringify(event)},"id":${JSON.stringify(id)}`;
  text += `,"timestamp":${String(timestamp)}`;
  if (position !== undefined) {
    text += `,"epoch":${JSON.stringify(position.epoch)},"offset":${String(position.offset)}`;
  }
  return payload === undefined ? `${text}}` : `${text},"payload":${payload}}`;
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
