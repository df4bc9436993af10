/** What runs on the other threads: finds out whether a large frame is good, and how to read it. */
import {
  decodeClientFrame,
  MAX_DEPTH,
  ProtocolError,
  type ClientFrame,
  type ErrorCode,
  type Payload,
} from '../protocol/index.js';
// Not by the folder's door: nobody else looks at the fields of a text.
import { scanObject } from '../protocol/scan.js';
import type { ReadingPlan, TextRange } from './reading-plan.js';
import { TextSurvey } from './text-survey.js';

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

/** What stands for a payload while the rest of its frame is checked: any value does. */
const STAND_IN = '0';

/**
 * Looks at a frame. Never throws because of its text.
 *
 * The payload is passed over character by character and not read, for whoever wants its value reads it
 * where it is wanted: `JSON.parse` here would take as long as there, and as much memory.
 */
export default function reportFrame({ text, maxFields }: FrameJob): FrameReport {
  const scanned = scanObject(text, MAX_DEPTH);
  const ranges = typeof scanned === 'string' ? [] : scanned;
  const survey = new TextSurvey(text, MAX_DEPTH - 1);
  const planned = new Map<string, PlannedRange>();
  let isGood = ranges.length > 0;
  for (const { key, start, end } of ranges) {
    const plan = survey.plan({ start, end });
    if (plan === undefined) isGood = false;
    planned.set(key, { start, end, plan: plan ?? { start, end } });
  }
  // What is not good is looked at by who knows what to say about it.
  const frame = decodeClientFrame(isGood ? withoutPayload(text, planned.get('payload')) : text);
  if (frame instanceof ProtocolError) return { error: plain(frame) };
  if (Math.max(ranges.length, survey.mostFields) > maxFields) {
    const id = 'id' in frame ? frame.id : undefined;
    const message = `payload: expected at most ${String(maxFields)} fields in an object`;
    return { error: plain(new ProtocolError('invalid-field', message, id)) };
  }
  return splitFrame(frame, planned);
}

type PlannedRange = Omit<TextField, 'name'>;

function withoutPayload(text: string, payload: TextRange | undefined): string {
  if (payload === undefined) return text;
  return text.slice(0, payload.start) + STAND_IN + text.slice(payload.end);
}

function splitFrame(
  frame: ClientFrame<Payload>,
  planned: ReadonlyMap<string, PlannedRange>,
): FrameReport {
  const small: Record<string, unknown> = {};
  const fields: TextField[] = [];
  for (const [name, value] of Object.entries(frame)) {
    const range = planned.get(name);
    const isLarge = range !== undefined && range.end - range.start > SMALL_LENGTH;
    if (range !== undefined && (name === 'payload' || isLarge)) fields.push({ name, ...range });
    else small[name] = value;
  }
  return { frame: small, fields };
}

function plain({ code, message, id }: ProtocolError): FrameFault {
  return { code, message, id };
}
