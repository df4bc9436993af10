/**
 * Where in a room's stream the client is: drops duplicates and sees to what is missing.
 *
 * When a message fails to come, the client asks again from where it is: what came early comes once
 * more, after it. Messages of the subscription before count until the answer. If asking brings
 * nothing, the message is lost.
 *
 * With handlers for `reset` a loss is made up for by the room's state. While that is awaited
 * (`#needsState`) nothing is delivered, and no position is given: one that can be continued from
 * would bring messages instead of the state. The position is kept, in case the room has no state.
 */
import type {
  GapFrame,
  HelloRoom,
  MessageFrame,
  Position,
  PositionFrame,
  SkippedFrame,
  SubscribedFrame,
} from '../protocol/index.js';
import type { Emitter } from './emitter.js';
import { clientError, type RealtimeClientError } from './errors.js';
import { positionOf } from './message-info.js';
import type { RoomGap, RoomLifecycle, RoomState } from './room.js';

/** What a stream needs of its subscription. */
export interface StreamHost {
  readonly lifecycle: Emitter<RoomLifecycle>;
  readonly state: RoomState;
  /** Whether the server has not answered yet. */
  readonly isAsking: boolean;
  readonly deliver: (frame: MessageFrame) => void;
  readonly raise: (error: RealtimeClientError) => void;
  /** Subscribes again, at once or after a while. */
  readonly ask: () => void;
  readonly askLater: () => void;
}

/** See the head of this file. */
export class RoomStream {
  /** The last position seen; absent before the first. A new object with every step, for the stream alone to set. */
  position: Position | undefined;
  readonly #host: StreamHost;
  /** Where we were when we forgot it. */
  #floor: Position | undefined;
  /** Where we were when we last asked for what failed to come. */
  #askedFrom: Position | undefined;
  /** Where we were when the last question was asked. */
  #wishedFrom: Position | undefined;
  /** Some handler for `reset` has no state, or what it has and what will come do not follow each other. */
  #needsState = true;
  /** The last question asked for the state whatever happened. */
  #hasAskedForState = false;
  /** The room offers no state. */
  #isStateless = false;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  /** Whether the state is awaited, and the last question will not bring it for certain. */
  get mustAskForState(): boolean {
    return this.#awaitsState && !(this.#hasAskedForState && this.#host.isAsking);
  }

  /** A handler for `reset` came. */
  needState(): void {
    this.#needsState = true;
  }

  /** The room has no state to show: losses are told by `gap` from now on. Returns `false` if no state was wanted. */
  doWithoutState(error: RealtimeClientError): boolean {
    if (!this.#takesState) return false;
    this.#isStateless = true;
    this.#host.raise(error);
    return true;
  }

  /** What a subscription asks for besides the room. */
  wish(): Omit<HelloRoom, 'room'> {
    this.#hasAskedForState = this.#awaitsState;
    const position = this.#awaitsState ? undefined : this.position;
    this.#wishedFrom = this.position;
    return this.#takesState ? { ...position, snapshot: true } : { ...position };
  }

  /** Forgets everything: what comes next follows nothing. */
  forget(): void {
    this.#floor = this.position ?? this.#floor;
    this.position = undefined;
    this.#needsState = true;
    this.#isStateless = false;
  }

  /**
   * Takes the answer of a subscription. What it means is told when the returned function is called.
   *
   * @param isUnasked whether the server subscribed us by itself.
   */
  begin(frame: SubscribedFrame, isUnasked: boolean): () => void {
    const { recovered, replayed = 0, reason, snapshot } = frame;
    const before = this.position;
    const gap = this.#holeBefore(frame);
    const isReset = this.#takesState && 'snapshot' in frame;
    if (isReset) this.#jump(frame);
    else if (!before) this.#enter(frame);
    else if (gap && !this.#takesState) this.#jump(gap.position);
    const position = this.position ?? frame;
    const wasMissing = before && before === this.#askedFrom;
    return () => {
      if (isReset) {
        this.#needsState = false;
        this.#host.lifecycle.emit('reset', snapshot, { position, reason });
      } else if (isUnasked && this.#awaitsState) {
        this.#host.ask();
      } else {
        // Asked for, not refused and not there: a server that does not know what a snapshot is.
        if (this.#awaitsState) {
          this.doWithoutState(clientError('unsupported'));
        }
        if (gap) this.#miss(gap);
        else if (before && recovered !== false) {
          this.#host.lifecycle.emit('recovered', { position, replayed });
        }
      }
      // What asking has not brought it would not bring right after: another hole here is a loss.
      if (wasMissing) this.#askedFrom = this.position;
    };
  }

  receive(frame: GapFrame | PositionFrame | SkippedFrame | MessageFrame): void {
    if (!this.#isReceiving) return;
    if (frame.type === 'skipped') {
      this.#host.lifecycle.emit('skipped', { count: frame.count });
      return;
    }
    if (frame.type === 'gap') {
      const { position: own } = this;
      // The verdict of what is being asked covers it, or nothing is lost that was not seen.
      if (this.#host.isAsking) return;
      if (frame.epoch === own?.epoch && frame.offset <= own.offset) return;
      this.#miss({ reason: frame.reason, position: frame });
    } else {
      const position = positionOf(frame);
      const isNext = !position || this.#follow(position);
      if (isNext && frame.type === 'message') this.#host.deliver(frame);
    }
  }

  /** Whether a loss is made up for by the room's state. */
  get #takesState(): boolean {
    return !this.#isStateless && this.#host.lifecycle.has('reset');
  }

  get #awaitsState(): boolean {
    return this.#needsState && this.#takesState;
  }

  /** Whether messages go to the application. */
  get #isReceiving(): boolean {
    return this.#host.state === 'subscribed' && !this.#awaitsState;
  }

  /**
   * Begins a stream that follows nothing. A server that lags behind the one before may begin with
   * what was seen there: that counts as seen.
   */
  #enter(start: Position): void {
    const floor = this.#floor;
    const isSeen = floor?.epoch === start.epoch && floor.offset > start.offset;
    this.#jump(isSeen ? floor : start);
  }

  /** Moves to a position, whatever lies between. */
  #jump({ epoch, offset }: Position): Position {
    return (this.position = { epoch, offset });
  }

  /**
   * The hole that a subscription's answer leaves, if continuity with what was seen before is not
   * proven.
   */
  #holeBefore(frame: SubscribedFrame): RoomGap | undefined {
    const own = this.position;
    if (!own) return undefined;
    const { epoch, offset, recovered, reason = 'position-unknown' } = frame;
    // Messages that came since the question may be younger than its answer.
    const asked = this.#host.state === 'subscribed' ? this.#wishedFrom : own;
    // A server that gives no verdict has proven continuity only if nothing happened since. A stream
    // that is shorter than what we had seen when we asked has lost its tail, whatever the verdict says.
    const isProven =
      offset > own.offset
        ? recovered
        : offset >= (asked?.offset ?? 0) && (asked !== own || recovered !== false);
    return epoch === own.epoch && isProven ? undefined : { reason, position: { epoch, offset } };
  }

  /** Takes the step to a position, or sees to what is missing before it. Returns whether the step was taken. */
  #follow(position: Position): boolean {
    const { epoch, offset } = position;
    const own = this.position;
    const isOther = epoch !== own?.epoch;
    if (!isOther && offset <= own.offset) return false;
    if (isOther || offset > own.offset + 1) {
      if (this.#host.isAsking) return false;
      if (this.#askedFrom !== own) {
        this.#askedFrom = own;
        this.#host.ask();
        return false;
      }
      const reason = isOther ? 'epoch-changed' : 'position-unknown';
      this.#miss({ reason, position: { epoch, offset: Math.max(0, offset - 1) } }, true);
      // The state is awaited, or handlers have left.
      if (!this.#isReceiving) return false;
    }
    this.position = position;
    return true;
  }

  /** Messages are lost: the room's state makes up for them, or the application is told. */
  #miss({ reason, position }: RoomGap, isPatient = false): void {
    if (this.#takesState) {
      this.#needsState = true;
      // A server that breaks its promises is not asked again at once.
      if (isPatient) this.#host.askLater();
      else this.#host.ask();
    } else {
      this.#host.lifecycle.emit('gap', { reason, position: this.#jump(position) });
    }
  }
}
