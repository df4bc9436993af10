import { useState } from 'react';

/**
 * A value that is made anew when one of the keys changes, and only then: `useMemo` may forget, and
 * what is held here (a connection, a room's state) could not be had again.
 *
 * @param make may be called for renders that React throws away, so it must not begin anything.
 * @param keys compared by value, as many at each render.
 */
export function useKeyed<T>(make: () => T, ...keys: readonly unknown[]): T {
  const create = () => ({ keys, value: make() });
  const [held, hold] = useState(create);
  if (held.keys.every((key, index) => Object.is(key, keys[index]))) return held.value;
  const next = create();
  // While rendering: React renders again at once, before the components below and before any effect.
  hold(next);
  return next.value;
}
