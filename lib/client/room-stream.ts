/**
 * A room's stream: puts messages in order and sees to what is missing.
 *
 * When a message fails to come, the client asks again from where it is, and holds what came early;
 * messages of the subscription before count until the answer. If asking brings nothing, the message
 * is lost.
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
import { isPlaced, Place, type PlacedFrame } from './place.js';
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
  readonly #host: StreamHost;
  readonly #place = new Place();
  /** Where we were when we last asked for what failed to come. */
  #askedFrom: Position | undefined;
  /** Some handler for `reset` has no state, or what it has and what will come do not follow each other. */
  #needsState = true;
  /** The last question asked for the state whatever happened. */
  #hasAskedForState = false;
  /** The room offers no state. */
  #isStateless = false;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  get position(): Position | undefined {
    return this.#place.position;
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
    return this.#takesState ? { ...position, snapshot: true } : { ...position };
  }

  /** Forgets everything: what comes next follows nothing. */
  forget(): void {
    this.#place.forget();
    this.#needsState = true;
    this.#isStateless = false;
  }

  /**
   * Takes the answer of a subscription. What it means is told, and what was held follows, when the
   * returned function is called.
   *
   * @param isUnasked whether the server subscribed us by itself.
   */
  begin(frame: SubscribedFrame, isUnasked: boolean): () => void {
    const { recovered, replayed = 0, reason, snapshot } = frame;
    const before = this.position;
    const hasMoved = this.#host.state === 'subscribed' && before !== this.#askedFrom;
    const gap = this.#place.holeBefore(frame, hasMoved);
    const isReset = this.#takesState && 'snapshot' in frame;
    if (isReset) this.#place.jump(frame);
    else if (before === undefined) this.#place.enter(frame);
    else if (gap !== undefined && !this.#takesState) this.#place.jump(gap.position);
    const position = this.position ?? frame;
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
        if (gap !== undefined) this.#miss(gap);
        else if (before !== undefined && recovered !== false) {
          this.#host.lifecycle.emit('recovered', { position, replayed });
        }
      }
      this.#drain();
      const isComplete = this.position?.offset === frame.offset;
      if (recovered !== true || isComplete) this.#mend();
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
      this.#drain();
    } else if (isPlaced(frame)) this.#follow(frame);
    else this.#host.deliver(frame);
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

  #follow(frame: PlacedFrame): void {
    const { epoch, offset } = frame;
    if (epoch !== this.position?.epoch) {
      this.#mend({ reason: 'epoch-changed', position: { epoch, offset: Math.max(0, offset - 1) } });
    }
    this.#place.hold(frame);
    this.#drain();
    // Only what came early itself says that something is missing: the rest may be on its way.
    if (offset > (this.position?.offset ?? offset)) this.#mend();
  }

  /** Delivers what is next, as long as it is there and wanted. */
  #drain(): void {
    while (this.#isReceiving) {
      const frame = this.#place.next();
      if (frame === undefined) return;
      if (frame.type === 'message') this.#host.deliver(frame);
    }
  }

  /** Sees to what is missing before messages that are held, or before one of another epoch. */
  #mend(gap = this.#place.holeBeforeHeld): void {
    if (gap === undefined || this.#host.isAsking || !this.#isReceiving) return;
    if (this.#askedFrom !== this.position) {
      this.#askedFrom = this.position;
      this.#host.ask();
      return;
    }
    this.#miss(gap, true);
    this.#drain();
    this.#mend();
  }

  /** Messages are lost: the room's state makes up for them, or the application is told. */
  #miss({ reason, position }: RoomGap, isPatient = false): void {
    if (this.#takesState) {
      this.#needsState = true;
      // A server that breaks its promises is not asked again at once.
      if (isPatient) this.#host.askLater();
      else this.#host.ask();
    } else {
      this.#host.lifecycle.emit('gap', { reason, position: this.#place.jump(position) });
    }
  }
}
