import type { ManualClock } from '../../lib/testing/manual-clock.js';
import type { PresenceMember, ServerFrame } from '../../lib/protocol/index.js';
import type { NodeWorld, Peer } from './node-world.js';
import { turn, turns } from './turns.js';

/** How somebody comes into a room. */
export interface Arrival {
  /** Default `r`. */
  readonly room?: string;
  /** Default: the client has no name. */
  readonly clientKey?: string;
  /** Which of the client's connections it is. Default: the client does not say. */
  readonly attempt?: number;
}

/** A peer that is connected and in a room; everything that it was told is read. */
export async function enter(
  world: NodeWorld,
  user: string,
  { room = 'r', ...named }: Arrival = {},
): Promise<Peer> {
  const peer = world.meet();
  peer.say({ type: 'hello', token: `token-${user}`, rooms: [{ room }], ...named });
  await turns(2);
  const types = peer.frames().map(({ type }) => type);
  if (!types.includes('subscribed')) throw new Error(`expected to be in, got ${types.join()}`);
  return peer;
}

/** Asks about a room's presence; gives what came. */
export async function askPresence(
  peer: Peer,
  action: 'get' | 'watch' | 'unwatch' | 'update',
  fields: object = {},
): Promise<ServerFrame[]> {
  peer.say({ type: 'presence', id: action, room: 'r', action, ...fields });
  await turns(2);
  return peer.frames();
}

/** A peer that is in the room and watches it; the state is read. */
export async function watcher(world: NodeWorld, user = 'watcher'): Promise<Peer> {
  const peer = await enter(world, user);
  const [state] = await askPresence(peer, 'watch');
  if (state?.type !== 'presence') throw new Error('expected a state');
  return peer;
}

/** Lets a turn of the clock's pass, in which changes are told. */
export async function passTurn(clock: ManualClock): Promise<void> {
  await turn();
  clock.advance(0);
  await turn();
}

/** What a watcher was told since the last time, once this turn's changes are told. */
export async function hear(peer: Peer, clock: ManualClock): Promise<ServerFrame[]> {
  await passTurn(clock);
  return peer.frames();
}

/** A member by connections. */
export function member(userId: string, ...peers: Peer[]): PresenceMember {
  return { userId, connections: peers.map(({ connection }) => ({ connectionId: connection.id })) };
}

/** What a client knows of a room's members by the frames it has got, as PROTOCOL.md says. */
export class PresenceView {
  total = 0;
  /** `undefined`: only the number is known. */
  members: Map<string, PresenceMember> | undefined;
  /** How often each user came and went, in the order of the frames. */
  readonly events: string[] = [];

  take(frames: readonly ServerFrame[]): void {
    for (const frame of frames) {
      if (frame.type === 'presence') {
        this.total = frame.total;
        this.members = frame.members && byUser(frame.members);
      } else if (frame.type === 'presence-change') this.#change(frame);
    }
    if (this.members !== undefined && this.members.size !== this.total) {
      throw new Error('expected the total to be that of the list');
    }
  }

  /** The members in a fixed order, to compare. */
  get sorted(): PresenceMember[] | undefined {
    const { members } = this;
    return members && sorted([...members.values()]);
  }

  #change(frame: ServerFrame & { type: 'presence-change' }): void {
    const { total, joined, updated, left } = frame;
    this.total = total;
    if ((joined ?? updated ?? left) === undefined) {
      this.members = undefined;
      return;
    }
    const members = (this.members ??= new Map<string, PresenceMember>());
    for (const one of joined ?? []) this.#set(members, one, false);
    for (const one of updated ?? []) this.#set(members, one, true);
    for (const userId of left ?? []) {
      if (!members.delete(userId)) throw new Error(`${userId} leaves, and was not there`);
      this.events.push(`-${userId}`);
    }
  }

  #set(members: Map<string, PresenceMember>, one: PresenceMember, isThere: boolean): void {
    if (members.has(one.userId) !== isThere) throw new Error(`${one.userId} joins twice or never`);
    members.set(one.userId, one);
    if (!isThere) this.events.push(`+${one.userId}`);
  }
}

/** Members in a fixed order, to compare. */
export function sorted(members: readonly PresenceMember[]): PresenceMember[] {
  return members.toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
}

function byUser(members: readonly PresenceMember[]): Map<string, PresenceMember> {
  return new Map(members.map((one) => [one.userId, one]));
}
