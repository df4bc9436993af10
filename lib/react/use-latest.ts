import { useInsertionEffect, useRef } from 'react';

/**
 * The value of the last render that was shown; `undefined` from the moment the component is gone.
 *
 * Set in an effect, not while rendering: a render that React throws away must not change who is
 * called. In an insertion effect, because the others are told late: between the commit that removes
 * a component and their end a message could still come.
 */
export function useLatest<T>(value: T): { readonly current: T | undefined } {
  const latest = useRef<T | undefined>(value);
  useInsertionEffect(() => {
    latest.current = value;
    return () => {
      latest.current = undefined;
    };
  });
  return latest;
}
