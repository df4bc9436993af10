/** What runs on the other threads: finds out whether a large frame is good, and how to read it. */
import { decodeClientFrame, ProtocolError, type ErrorCode } from '../protocol/index.js';
// Not by the folder's door: nobody else looks at the fields of a text.
import { scanObject } from '../protocol/scan.js';
import { mostFields, planReading, type ReadingPlan, type TextRange } from './reading-plan.js';

/** A frame to be read. */
export interface FrameJob {
  readonly text: string;
  /** Most fields that an object may have. */
  readonly maxFields: number;
}

/** A value of a frame that stays where it is in the text. */
export interface TextField extends TextRange {
  readonly name: string;
  readonly plan: ReadingPlan;
}

/** What is wrong with a frame. */
export interface FrameFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly id: string | undefined;
}

/** What is to be known of a frame. Small, whatever the frame is like: it is copied between threads. */
export type FrameReport =
  | { readonly error: FrameFault }
  | {
      /** The fields that are small. */
      readonly frame: Readonly<Record<string, unknown>>;
      /** The payload, and whatever else is large. */
      readonly fields: readonly TextField[];
    };

/** Fields that are longer are not copied, in characters. */
const SMALL_LENGTH = 1_024;

/** Looks at a frame. Never throws because of its text. */
export default function reportFrame({ text, maxFields }: FrameJob): FrameReport {
  const frame = decodeClientFrame(text);
  if (frame instanceof ProtocolError) return { error: plain(frame) };
  if (mostFields(text) > maxFields) {
    const id = 'id' in frame ? frame.id : undefined;
    const message = `payload: expected at most ${String(maxFields)} fields in an object`;
    return { error: plain(new ProtocolError('invalid-field', message, id)) };
  }
  const scanned = scanObject(text, Infinity);
  const ranges = new Map(
    typeof scanned === 'string' ? [] : scanned.map((field) => [field.key, field]),
  );
  const small: Record<string, unknown> = {};
  const fields: TextField[] = [];
  for (const [name, value] of Object.entries(frame)) {
    const { start = 0, end = 0 } = ranges.get(name) ?? {};
    if (name === 'payload' || end - start > SMALL_LENGTH) {
      fields.push({ name, start, end, plan: planReading(text, { start, end }) });
    } else small[name] = value;
  }
  return { frame: small, fields };
}

function plain({ code, message, id }: ProtocolError): FrameFault {
  return { code, message, id };
}
