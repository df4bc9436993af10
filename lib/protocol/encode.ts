import type { ClientFrame, ServerFrame } from './frames.js';

/** The text of a frame for a server. */
export function encodeClientFrame(frame: ClientFrame): string {
  return JSON.stringify(frame);
}

/** A payload that is already JSON text. */
export interface EncodedPayload {
  readonly text: string;
}

/** The text of a frame for a client; a payload's text goes in as it is, not parsed, not serialised. */
export function encodeServerFrame(frame: ServerFrame<EncodedPayload>): string {
  // The assertion: most frames have no payload, and plain JavaScript may say `payload: undefined`.
  const { payload, ...envelope } = frame as typeof frame & { payload?: EncodedPayload | undefined };
  if (payload === undefined) return JSON.stringify(envelope);
  // The envelope always has at least its type, so the comma is right.
  return `${JSON.stringify(envelope).slice(0, -1)},"payload":${payload.text}}`;
}
