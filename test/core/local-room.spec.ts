import { describe, expect, it } from '@jest/globals';

import type { DeliveredPublication } from '../../lib/core/index.js';
import { LocalRoom } from '../../lib/core/local-room.js';
import type { Position, ServerFrame } from '../../lib/protocol/index.js';
import { publication } from '../support/fakes.js';
import { FakeMember } from '../support/room-world.js';

function message(offset: number, epoch = 'e1'): DeliveredPublication {
  return { ...publication(`m${String(offset)}`), position: { epoch, offset } };
}

async function roomAt(position: Position): Promise<LocalRoom> {
  const room = new LocalRoom('r', Promise.resolve(position));
  await room.ready;
  return room;
}

function memberOf(room: LocalRoom, id = 'ada'): FakeMember {
  const member = new FakeMember(id);
  room.enter(member);
  return member;
}

function brief(frames: readonly ServerFrame[]): unknown[] {
  return frames.map((frame) => {
    if (frame.type === 'message') return frame.offset ?? frame.id;
    return frame.type === 'gap' ? [frame.reason, frame.epoch, frame.offset] : frame.type;
  });
}

describe('a room on a node', () => {
  it('has no position before the broker has said one or brought a message', () => {
    const room = new LocalRoom('r', new Promise(() => undefined));
    expect(() => room.position).toThrow('expected it to be ready');
    room.deliver(message(7));
    expect(room.position).toEqual({ epoch: 'e1', offset: 7 });
  });

  it('drops what it has delivered before, however often it comes', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const ada = memberOf(room);
    for (const offset of [3, 4, 5, 5, 4, 6, 1, 6]) room.deliver(message(offset));
    expect(brief(ada.link.frames())).toEqual([5, 6]);
  });

  it('tells of a jump in the broker’s offsets before the message that shows it', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const ada = memberOf(room);
    room.deliver(message(5));
    room.deliver(message(9));
    room.deliver(message(10));
    expect(brief(ada.link.frames())).toEqual([5, ['position-unknown', 'e1', 8], 9, 10]);
  });

  it('tells of a new epoch before its first message, wherever it begins', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const ada = memberOf(room);
    room.deliver(message(1, 'e2'));
    room.deliver(message(7, 'e3'));
    expect(brief(ada.link.frames())).toEqual([
      ['epoch-changed', 'e2', 0],
      1,
      ['epoch-changed', 'e3', 6],
      7,
    ]);
  });

  it('B15 tells of a loss that no message shows, once, and of no loss that there was not', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const ada = memberOf(room);
    room.moveTo({ epoch: 'e1', offset: 4 });
    room.moveTo({ epoch: 'e1', offset: 3 });
    room.moveTo({ epoch: 'e1', offset: 6 });
    room.moveTo({ epoch: 'e1', offset: 6 });
    room.deliver(message(7));
    room.moveTo({ epoch: 'e2', offset: 0 });
    room.deliver(message(1, 'e2'));
    expect(brief(ada.link.frames())).toEqual([
      ['position-unknown', 'e1', 6],
      7,
      ['epoch-changed', 'e2', 0],
      1,
    ]);
  });

  it('B15 wakes those who still read what they missed', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    let moves = 0;
    room.replays.set(new FakeMember('bob'), { moved: () => (moves += 1), stop: () => undefined });
    room.moveTo({ epoch: 'e2', offset: 0 });
    expect(moves).toBe(1);
  });

  it('begins where the broker says, unless later messages of that epoch came before', async () => {
    const later = new LocalRoom('r', Promise.resolve({ epoch: 'e1', offset: 4 }));
    later.deliver(message(5));
    await later.ready;
    expect(later.position).toEqual({ epoch: 'e1', offset: 5 });
    const earlier = new LocalRoom('r', Promise.resolve({ epoch: 'e1', offset: 4 }));
    earlier.deliver(message(3));
    await earlier.ready;
    expect(earlier.position).toEqual({ epoch: 'e1', offset: 4 });
    const other = new LocalRoom('r', Promise.resolve({ epoch: 'e2', offset: 4 }));
    other.deliver(message(9));
    await other.ready;
    expect(other.position).toEqual({ epoch: 'e2', offset: 4 });
  });

  it('keeps its latest messages only while somebody reads history', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 0 });
    memberOf(room);
    room.deliver(message(1));
    expect(room.tail.bytes).toBe(0);
    room.joining = 1;
    room.deliver(message(2));
    room.deliver(message(3));
    room.forgetTail();
    expect(room.tail.between({ epoch: 'e1', offset: 1 }, room.position)).toHaveLength(2);
    room.joining = 0;
    room.forgetTail();
    expect(room.tail.bytes).toBe(0);
  });

  it('forgets its latest messages where the next does not follow them', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 0 });
    room.joining = 1;
    for (const offset of [1, 2, 5]) room.deliver(message(offset));
    expect(room.tail.between({ epoch: 'e1', offset: 4 }, room.position)).toHaveLength(1);
    expect(room.tail.between({ epoch: 'e1', offset: 0 }, room.position)).toBeUndefined();
    const unready = new LocalRoom('r', Promise.resolve({ epoch: 'e1', offset: 4 }));
    unready.joining = 1;
    unready.deliver(message(2));
    await unready.ready;
    expect(unready.tail.bytes).toBe(0);
  });

  it('gives a volatile message to whoever is live, and moves nowhere', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const [ada, bob] = [memberOf(room, 'ada'), memberOf(room, 'bob')];
    room.deliver(publication('v1', { except: ['bob'] }));
    expect(brief(ada.link.frames())).toEqual(['v1']);
    expect(brief(bob.link.frames())).toEqual([]);
    expect(room.position).toEqual({ epoch: 'e1', offset: 4 });
  });

  it('tells a member that does not get a message the position only', async () => {
    const room = await roomAt({ epoch: 'e1', offset: 4 });
    const [ada, bob] = [memberOf(room, 'ada'), memberOf(room, 'bob')];
    room.deliver({ ...message(5), except: ['bob', 'eve'] });
    expect(brief(ada.link.frames())).toEqual([5]);
    expect(bob.link.frames()).toEqual([{ type: 'position', room: 'r', epoch: 'e1', offset: 5 }]);
  });
});
