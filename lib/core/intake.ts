import { decodeClientFrame } from '../protocol/index.js';
import { FrameRate, type FrameRateLimits, type Limited } from './frame-rate.js';
import { HeavyFrames, type FrameTaker } from './heavy-frames.js';
import type { Clock, FrameParser, Observer } from './ports/index.js';

/** What frames are read with. */
export interface IntakeSetup {
  readonly clock: Clock;
  readonly limits: FrameRateLimits;
  readonly observer: Observer;
  readonly frameParser: FrameParser | undefined;
}

/** What an open connection's peer sends, on its way from the link to whoever handles it. */
export class Intake {
  readonly #rate: FrameRate;
  /** Made when the first large frame comes. */
  #heavy: HeavyFrames | undefined;

  constructor(
    private readonly connection: Limited & FrameTaker,
    private readonly setup: IntakeSetup,
  ) {
    this.#rate = new FrameRate(connection, setup.clock, setup.limits);
  }

  /** Takes a message. */
  receive(message: string | Uint8Array, bytes: number): void {
    if (!this.#rate.admits(message, bytes)) return;
    const { frameParser, observer } = this.setup;
    const isLarge = frameParser !== undefined && bytes >= frameParser.fromBytes;
    if (frameParser !== undefined && (isLarge || this.#heavy?.isBusy === true)) {
      this.#heavy ??= new HeavyFrames(this.connection, frameParser, observer);
      this.#heavy.push(message, bytes);
    } else this.connection.take(decodeClientFrame(message), bytes);
  }

  /** Forgets what waits. */
  close(): void {
    this.#heavy?.close();
  }
}
