import { describe, expect, it } from '@jest/globals';

import { Turns } from '../../lib/core/turns.js';
import { deferred, turn } from '../support/turns.js';

describe('turns', () => {
  it('are taken one at a time, in the order in which they were asked for', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const gates = [deferred(), deferred(), deferred()];
    const runs = gates.map((gate, n) =>
      turns.run(async () => {
        log.push(`begin ${String(n)}`);
        await gate.promise;
        log.push(`end ${String(n)}`);
        return n;
      }),
    );
    gates[2]?.resolve();
    gates[1]?.resolve();
    await turn();
    expect(log).toEqual(['begin 0']);
    gates[0]?.resolve();
    expect(await Promise.all(runs)).toEqual([0, 1, 2]);
    expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  it('go on after one that failed, whose failure only its caller learns', async () => {
    const turns = new Turns();
    const failing = turns.run(() => Promise.reject(new Error('no')));
    const following = turns.run(() => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    expect(await following).toBe('yes');
  });

  it('are free when nothing runs or waits', async () => {
    const turns = new Turns();
    expect(turns.isFree).toBe(true);
    const [first, second] = [deferred(), deferred()];
    const runs = [turns.run(() => first.promise), turns.run(() => second.promise)];
    expect(turns.isFree).toBe(false);
    first.resolve();
    await runs[0];
    expect(turns.isFree).toBe(false);
    second.reject(new Error('no'));
    await expect(runs[1]).rejects.toThrow('no');
    expect(turns.isFree).toBe(true);
  });
});
