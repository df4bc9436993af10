import { useSyncExternalStore } from 'react';

/** A value that one hook shows, outside of React, so that no render can miss or tear a change. */
export interface Store<T> {
  readonly get: () => T;
  /** What the store began with: shown on the server and while hydrating, so that both are the same. */
  readonly getInitial: () => T;
  readonly set: (value: T) => void;
  /** For the one component that shows the value. Returns the function that ends it. */
  readonly subscribe: (onChange: () => void) => () => void;
}

/**
 * Makes a store.
 *
 * @param open called while the value is shown, returns what ends that. Absent: nothing has to be done.
 */
export function createStore<T>(
  initial: T,
  open?: (set: (value: T) => void) => () => void,
): Store<T> {
  let value = initial;
  let notify: (() => void) | undefined;
  const set = (next: T) => {
    if (Object.is(value, next)) return;
    value = next;
    notify?.();
  };
  return {
    get: () => value,
    getInitial: () => initial,
    set,
    subscribe: (onChange) => {
      notify = onChange;
      const close = open?.(set);
      return () => {
        notify = undefined;
        close?.();
      };
    },
  };
}

/** Shows a store's value; renders again when it changes. */
export function useStore<T>({ subscribe, get, getInitial }: Store<T>): T {
  return useSyncExternalStore(subscribe, get, getInitial);
}
