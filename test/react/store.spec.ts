import { describe, expect, it } from '@jest/globals';

import { createStore } from '../../lib/react/store.js';

describe('what a hook shows', () => {
  it('is told to the component when it changes, and only then', () => {
    const store = createStore('a');
    const told: string[] = [];
    store.subscribe(() => told.push(store.get()));
    for (const value of ['b', 'b', 'a']) store.set(value);
    expect(told).toEqual(['b', 'a']);
  });

  it('is told no more when the component is gone', () => {
    const store = createStore(0, (set) => () => set(1));
    const told: number[] = [];
    const end = store.subscribe(() => told.push(store.get()));
    end();
    store.set(2);
    expect([told, store.get()]).toEqual([[], 2]);
  });

  it('is what it began with for a page that is taken over later', () => {
    const store = createStore('a');
    store.set('b');
    expect([store.get(), store.getInitial()]).toEqual(['b', 'a']);
  });
});
