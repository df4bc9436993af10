import type {
  CompleteFrame,
  ErrorFrame,
  HistoryFrame,
  HistoryPageFrame,
  MessageFrame,
  NextFrame,
  PresenceFrame,
  PresenceStateFrame,
  PublishedFrame,
  PublishFrame,
  RequestFrame,
  ResponseFrame,
  ServerFrame,
} from '../protocol/index.js';
import type { RealtimeClientError } from './errors.js';

/** Frames that answer a call. */
export type AnswerFrame =
  | ResponseFrame
  | NextFrame
  | CompleteFrame
  | PublishedFrame
  | PresenceStateFrame
  | HistoryPageFrame;

/** Frames under an id of this client's. */
export type AnsweringFrame = Extract<Exclude<ServerFrame, MessageFrame>, { readonly id?: string }>;

type WithoutId<F> = F extends unknown ? Omit<F, 'id'> : never;

/** What a call asks; the id is given to it here. */
export type Question = WithoutId<RequestFrame | PublishFrame | PresenceFrame | HistoryFrame>;

/** Who waits for the answer. */
export interface Caller {
  /** Takes a frame that is no error. Returns whether more are expected; an error cancels the call. */
  readonly receive: (frame: Exclude<AnsweringFrame, ErrorFrame>) => boolean | RealtimeClientError;
  /** The call failed; nothing follows. */
  readonly fail: (error: RealtimeClientError) => void;
}

/** When a call was sent for the first time, by both clocks: one stands still while a machine sleeps, the other may be set back. */
export interface Sending {
  readonly now: number;
  readonly date: number;
}

/** A call that waits for its answer, or to be sent. */
export interface Call {
  readonly id: string;
  /** Which call of the client it is. */
  readonly number: number;
  readonly text: string;
  readonly bytes: number;
  readonly caller: Caller;
  readonly type: Question['type'];
  /** Its handler cannot go on with it over another connection. */
  readonly isStream: boolean;
  /** Whether, and since when, the server may have seen it, so that its effect is unknown if no answer comes. */
  sent: Sending | undefined;
  /** Lets go of timer and signal. */
  release: () => void;
}

/** A call of an earlier page: what it was, and whether it may have been sent. */
export type EarlierCall = Pick<Call, 'id' | 'sent'>;
