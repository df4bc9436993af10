import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { Connection } from '../../lib/core/index.js';
import { Hub } from '../../lib/core/hub.js';

/** As much of a connection as the hub looks at. */
function connection(id: string, userId?: string): Connection {
  return { id, ...(userId === undefined ? {} : { user: { id: userId } }) } as Connection;
}

const name = fc.constantFrom('ada', 'bob', '__proto__', 'constructor', 'toString', '');

describe('hub', () => {
  it('finds a connection by its id and all of a user by theirs', () => {
    const hub = new Hub();
    const phone = connection('c1', 'ada');
    const laptop = connection('c2', 'ada');
    for (const device of [phone, laptop]) {
      hub.add(device);
      hub.addUser(device, 'ada');
    }
    expect(hub.get('c1')).toBe(phone);
    expect([...hub.ofUser('ada')]).toEqual([phone, laptop]);
    expect([...hub.ofUser('bob')]).toEqual([]);
    expect(hub.get('c3')).toBeUndefined();
  });

  it('forgets a connection whose user was never known', () => {
    const hub = new Hub();
    const stranger = connection('c1');
    hub.add(stranger);
    hub.delete(stranger);
    expect([hub.size, hub.userCount]).toEqual([0, 0]);
  });

  it('P-04 holds exactly what is connected, whatever comes and goes, and nothing afterwards', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'delete'),
      which: fc.nat(8),
      user: name,
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const hub = new Hub();
        const model = new Map<string, Connection>();
        for (const { kind, which, user } of steps) {
          const id = ['__proto__', 'constructor', 'hasOwnProperty'][which] ?? `c${String(which)}`;
          const known = model.get(id);
          if (kind === 'add' && known === undefined) {
            const made = connection(id, user);
            model.set(id, made);
            hub.add(made);
            hub.addUser(made, user);
          } else if (known !== undefined) {
            model.delete(id);
            hub.delete(known);
            hub.delete(known);
          }
          expect([...hub.connections].map((one) => one.id)).toEqual([...model.keys()]);
          const users = new Set([...model.values()].map((one) => one.user?.id));
          expect(hub.userCount).toBe(users.size);
          for (const userId of ['ada', 'bob', '__proto__', 'constructor', 'toString', '']) {
            const theirs = [...model.values()].filter((one) => one.user?.id === userId);
            expect(new Set(hub.ofUser(userId))).toEqual(new Set(theirs));
          }
        }
        for (const left of model.values()) hub.delete(left);
        expect([hub.size, hub.userCount]).toEqual([0, 0]);
      }),
    );
  });
});
