import type { HistoryPageFrame, ServerFrame } from './server-frames.js';

/** A payload that is already JSON text. */
export interface EncodedPayload {
  readonly text: string;
}

/** A page of history whose messages are already JSON texts. */
export type EncodedHistoryPage = HistoryPageFrame<EncodedPayload>;

/** A frame for a client whose application values are already JSON texts. */
export type EncodedServerFrame =
  Exclude<ServerFrame<EncodedPayload>, HistoryPageFrame> | EncodedHistoryPage;

/** What holds application values: goes in as the text it is, not parsed, not serialised. */
interface Spliced {
  readonly payload?: EncodedPayload | undefined;
  readonly snapshot?: EncodedPayload | undefined;
  readonly messages?: readonly EncodedPayload[];
}

/** The text of a frame for a client. */
export function encodeServerFrame(frame: EncodedServerFrame): string {
  // The most frequent by far, and nothing but an id: worth no copy and no serialiser.
  if (frame.type === 'response') return encodeResponse(frame.id, frame.payload?.text);
  // The intersection: most frames have none of them, and plain JavaScript may say `payload: undefined`.
  const { payload, snapshot, messages, ...envelope } = frame as EncodedServerFrame & Spliced;
  const text = JSON.stringify(envelope);
  if (payload === undefined && snapshot === undefined && messages === undefined) return text;
  // The envelope always has at least its type, so the comma is right.
  let spliced = text.slice(0, -1);
  if (messages !== undefined) spliced += `,"messages":[${messages.map(textOf).join()}]`;
  if (snapshot !== undefined) spliced += `,"snapshot":${snapshot.text}`;
  if (payload !== undefined) spliced += `,"payload":${payload.text}`;
  return `${spliced}}`;
}

function encodeResponse(id: string, payload: string | undefined): string {
  const head = `{"type":"response","id":${JSON.stringify(id)}`;
  return payload === undefined ? `${head}}` : `${head},"payload":${payload}}`;
}

function textOf({ text }: EncodedPayload): string {
  return text;
}
