import type { Publication } from '../core/index.js';

/**
 * How messages stand in Redis. Neither separator can be in a JSON text, so nothing has to be escaped:
 *
 *     item   = ["id","event",timestamp,except?,latest?] [UNIT payload]
 *     record = ("+" / "-") item
 *     frame  = epoch UNIT offset-before *(RECORD record)
 *
 * A frame is what is published on a room's channel: the messages of one batch, `+` with a position, each
 * one more than the one before, `-` volatile. History holds records.
 */
const UNIT = '\u001f';
const RECORD = '\u001e';

/** A message of a frame. */
export interface FrameItem {
  readonly publication: Publication;
  readonly isVolatile: boolean;
}

/** The messages of one batch, and where in the room they are. */
export interface Frame {
  readonly epoch: string;
  /** The room's offset before the first of them. */
  readonly before: number;
  /** The room's offset after the last of them. */
  readonly after: number;
  readonly items: readonly FrameItem[];
  /** What it counts where frames wait. */
  readonly bytes: number;
}

/** Whether a payload can be sent: what is no JSON text could look like the end of a message. */
export function isPlain(payload: string | undefined): boolean {
  return payload === undefined || !(payload.includes(UNIT) || payload.includes(RECORD));
}

/** A message behind the mark that says whether it has a position. */
export function encodeRecord(publication: Publication, isVolatile: boolean): string {
  return (isVolatile ? '-' : '+') + encodeItem(publication);
}

function encodeItem(publication: Publication): string {
  const { id, event, timestamp, except, latest, payload } = publication;
  const parts: unknown[] = [id, event, timestamp];
  if (except !== undefined || latest !== undefined) parts.push(except ?? []);
  if (latest !== undefined) parts.push(latest);
  const head = JSON.stringify(parts);
  return payload === undefined ? head : head + UNIT + payload;
}

/**
 * A message of a frame, or one that is held.
 *
 * @throws SyntaxError for what this package did not write.
 */
export function decodeRecord(text: string): FrameItem {
  return { publication: decodeItem(text), isVolatile: text.startsWith('-') };
}

/** The message behind the mark. */
function decodeItem(text: string): Publication {
  const end = text.indexOf(UNIT);
  const head: unknown = JSON.parse(end < 0 ? text.slice(1) : text.slice(1, end));
  if (!isHead(head)) throw new SyntaxError('redis: expected the head of a message');
  const [id, event, timestamp, except, latest] = head;
  return {
    id,
    event,
    timestamp,
    ...(end < 0 ? {} : { payload: text.slice(end + 1) }),
    ...(except === undefined ? {} : { except }),
    ...(latest === undefined ? {} : { latest }),
  };
}

/**
 * What came on a room's channel.
 *
 * @throws SyntaxError for what this package did not write.
 */
export function decodeFrame(text: string): Frame {
  const [head = '', ...records] = text.split(RECORD);
  const [epoch, offset, ...rest] = head.split(UNIT);
  const before = Number(offset);
  if (epoch === undefined || !Number.isSafeInteger(before) || before < 0 || rest.length > 0) {
    throw new SyntaxError('redis: expected the head of a frame');
  }
  let after = before;
  const items = records.map((record) => {
    const item = decodeRecord(record);
    if (!item.isVolatile) after += 1;
    return item;
  });
  return { epoch, before, after, items, bytes: text.length };
}

/** What a script says of an operation that is repeated: epoch, offset and name, as JSON, of the first publish. */
export function decodeReceipt(text: string): { id: string; epoch: string; offset: number } {
  const [epoch = '', offset, name = '""'] = text.split(UNIT);
  return { id: String(JSON.parse(name)), epoch, offset: Number(offset) };
}

type Head = [id: string, event: string, timestamp: number, except?: string[], latest?: string];

function isHead(value: unknown): value is Head {
  if (!Array.isArray(value)) return false;
  const [id, event, timestamp, except, latest] = value as unknown[];
  return (
    typeof id === 'string' &&
    typeof event === 'string' &&
    typeof timestamp === 'number' &&
    (except === undefined ||
      (Array.isArray(except) && except.every((it) => typeof it === 'string'))) &&
    (latest === undefined || typeof latest === 'string')
  );
}
