import type { Transport } from './ports/index.js';

/** Stops reading from a peer while there is any reason to, and starts again when there is none. */
export class ReadPressure {
  #isFull = false;
  #isHeld = false;

  constructor(private readonly transport: Pick<Transport, 'pause' | 'resume'>) {}

  /** Whether more waits for its turn than may wait. */
  readonly press = (isFull: boolean): void => {
    this.#isFull = isFull;
    this.#steer();
  };

  /** Whether a large frame is being read, which all others have to wait for. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#steer();
  }

  #steer(): void {
    if (this.#isFull || this.#isHeld) this.transport.pause();
    else this.transport.resume();
  }
}
