import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PresenceMember } from '../../lib/client/index.js';
import type { ServerFrame } from '../../lib/protocol/index.js';
import { settle } from './support/fake-clock.js';
import { NAME, subscribed } from './support/rooms.js';
import { connectedFrame, World } from './support/world.js';

/** A server that knows who is there, and whose frames may be lost. */
class Room {
  readonly world = new World({ reconnect: { minDelayMs: 1, maxDelayMs: 2 } });
  readonly members = new Map<string, PresenceMember>();
  /** What one who only adds up the changes knows. */
  readonly told = new Map<string, PresenceMember>();
  #handled = 0;
  #isWatched = false;
  #version = 0;

  constructor() {
    this.world.client.room(NAME).presence.watch(({ total, members }, { joined, updated, left }) => {
      expect(members?.size).toBe(total);
      for (const { userId } of left) expect(this.told.delete(userId)).toBe(true);
      for (const member of updated) expect(this.told.has(member.userId)).toBe(true);
      for (const member of joined) expect(this.told.has(member.userId)).toBe(false);
      for (const member of [...joined, ...updated]) this.told.set(member.userId, member);
      expect(new Set(this.told.values())).toEqual(new Set(members?.values()));
    });
  }

  connect(): void {
    const { world } = this;
    world.clock.advance(world.lastChange.delayMs ?? 0);
    world.socket.open();
    world.socket.receive(connectedFrame);
  }

  break(): void {
    this.world.sockets.at(-1)?.drop();
    this.#handled = 0;
    this.#isWatched = false;
  }

  /** Handles what the client sent. */
  handle(): void {
    const { sent } = this.world.socket;
    for (; this.#handled < sent.length; this.#handled += 1) {
      const frame = sent[this.#handled];
      if (frame?.type === 'hello') this.#send(subscribed(3));
      if (frame?.type !== 'presence') continue;
      this.#isWatched = true;
      const members = [...this.members.values()];
      this.#send({ type: 'presence', id: frame.id, room: NAME, total: members.length, members });
    }
  }

  /** A user comes, changes or goes; the client may not hear of it. */
  change(userId: string, isHere: boolean, isLost: boolean): void {
    const wasHere = this.members.has(userId);
    this.#version += 1;
    const member = { userId, connections: [{ connectionId: 'c', info: this.#version }] };
    if (isHere) this.members.set(userId, member);
    else if (!this.members.delete(userId)) return;
    const what = isHere ? { [wasHere ? 'updated' : 'joined']: [member] } : { left: [userId] };
    const { size: total } = this.members;
    if (this.#isWatched && !isLost) {
      this.#send({ type: 'presence-change', room: NAME, total, ...what });
    }
  }

  #send(frame: ServerFrame): void {
    this.world.socket.receive(frame);
  }
}

type Step = (room: Room) => void;

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean(), fc.boolean()).map(
        (change): Step =>
          (room) =>
            room.change(...change),
      ),
    },
    { weight: 3, arbitrary: fc.constant<Step>((room) => room.handle()) },
    { weight: 1, arbitrary: fc.constant<Step>((room) => room.break()) },
    { weight: 2, arbitrary: fc.constant<Step>((room) => room.connect()) },
  ),
  { maxLength: 40 },
);

describe('whatever becomes of the frames about who is in a room', () => {
  it('what is told adds up to the state, and in the end to the truth', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const room = new Room();
        await settle();
        for (const step of all) {
          step(room);
          await settle();
        }
        room.break();
        room.connect();
        await settle();
        room.handle();
        room.handle();
        expect(new Set(room.told.values())).toEqual(new Set(room.members.values()));
        expect(room.world.reported).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
