import type { ClientState, StateChange } from './client-state.js';

/** Who hears of transitions. */
export interface TransitionObserver {
  readonly changed: (change: StateChange) => void;
}

/** The client's state, and who is told of its changes: one after the other, also those that a handler causes. */
export class Transitions {
  state: ClientState = 'idle';
  readonly #changes: StateChange[] = [];
  readonly #observer: TransitionObserver;
  #isTelling = false;

  constructor(observer: TransitionObserver) {
    this.#observer = observer;
  }

  /** Changes the state. Nobody hears of it yet. */
  enter(state: ClientState, more?: Omit<StateChange, 'state' | 'previous'>): void {
    this.#changes.push({ state, previous: this.state, ...more });
    this.state = state;
  }

  /** Tells what has changed. */
  announce(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#changes.shift(); next; next = this.#changes.shift()) {
      this.#observer.changed(next);
    }
    this.#isTelling = false;
  }
}
