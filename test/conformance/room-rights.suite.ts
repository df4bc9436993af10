import { expect } from '@jest/globals';

import type { RealtimeUser, RoomDirectory } from '../../lib/core/index.js';
import { check, type Check, type Disposable } from './suite.js';

/** A directory with a room `open` that everyone may do everything in until told otherwise. */
export interface RightsWorld extends Disposable {
  readonly directory: RoomDirectory;
  /** Changes what the application answers from now on: yes, no, or a failure. */
  answer(with_: boolean | Error): void;
}

const ada: RealtimeUser = { id: 'ada' };

/** Every question a directory can be asked about the room, as yes or no. */
async function ask({ directory }: RightsWorld): Promise<boolean[]> {
  const rights = directory.find('open');
  if (rights === undefined) throw new Error('expected the room to be declared');
  const decision = await rights.decidePublish(ada, 'said', undefined);
  return [
    await rights.canSubscribe(ada),
    await rights.canSeePresence(ada),
    await rights.canReadHistory(ada),
    decision.allowed,
  ];
}

export const roomRightsChecks: readonly Check<RightsWorld>[] = [
  check('P1', 'answers for the moment of the call, not for an earlier one', async (world) => {
    expect(await ask(world)).toEqual([true, true, true, true]);
    world.answer(false);
    expect(await ask(world)).toEqual([false, false, false, false]);
    world.answer(true);
    expect(await ask(world)).toEqual([true, true, true, true]);
  }),

  check('P2', 'takes a failure for a no', async (world) => {
    world.answer(new Error('no database'));
    expect(await ask(world)).toEqual([false, false, false, false]);
  }),

  check('P3', 'finds nothing for a room that nobody declares', async ({ directory }) => {
    for (const room of ['other', 'open/more', '__proto__', 'constructor']) {
      expect(directory.find(room)).toBeUndefined();
    }
  }),
];
