/**
 * A small world that keeps every promise: rooms with a bounded history, publishers, and readers that
 * are cut off and recover or are told why not. Its histories are what the checker has to approve of.
 */
import fc from 'fast-check';
import {
  commands,
  READERS,
  ROOMS,
  WRITERS,
  type Command,
  type PublishCommand,
  type Reader,
  type RoomName,
  type Writer,
} from './model-commands.js';
import type { Fault, HistoryRecord, PublishOk, Spot } from './history.js';

const TENANT = 'acme';

/** What is to happen in a world: readable where a whole history would not be. */
export const plans: fc.Arbitrary<Command[]> = fc.array(commands, {
  minLength: 60,
  maxLength: 160,
  size: 'max',
});

/** The history of a world in which that happens: every promise kept, healed and drained at the end. */
export function play(plan: readonly Command[]): HistoryRecord[] {
  return new World().run(plan);
}

interface Message {
  readonly offset: number;
  readonly id: string;
  readonly except: Reader | undefined;
}

interface Room {
  readonly name: RoomName;
  generation: number;
  top: number;
  messages: Message[];
  readonly members: Set<string>;
}

/** A reader's place in a room it wants to be in. */
interface Seat {
  spot: Spot;
  /** Up to here messages come from the history. */
  recoveredUntil: number;
}

interface Publishing {
  readonly id: string;
  readonly room: Room;
  readonly n: number;
  readonly except: Reader | undefined;
  spot: Spot | undefined;
}

/** A record before it is stamped. */
type Unstamped<T> = T extends HistoryRecord ? Omit<T, 't' | 'p'> : never;

class World {
  readonly #records: HistoryRecord[] = [];
  readonly #rooms = new Map<RoomName, Room>(
    ROOMS.map((name) => [
      name,
      { name, generation: 1, top: 0, messages: [], members: new Set<string>() },
    ]),
  );
  readonly #seats = new Map<Reader, Map<RoomName, Seat>>();
  readonly #online = new Set<Reader>();
  /** The last message of each writer whose acknowledgement is still on its way. */
  readonly #late = new Map<Writer, Publishing>();
  /** The last message of each writer that may have been stored or not. */
  readonly #doubtful = new Map<Writer, Publishing>();
  #published = 0;
  #now = 0;

  run(steps: readonly Command[]): HistoryRecord[] {
    for (const name of READERS) this.#admit(name);
    for (const each of steps) this.#do(each);
    this.#heal();
    return this.#records;
  }

  #write(p: string, record: Unstamped<HistoryRecord>): void {
    this.#now += 1;
    this.#records.push({ t: this.#now, p, ...record });
  }

  #admit(name: Reader): void {
    const user = `user of ${name}`;
    this.#seats.set(name, new Map<RoomName, Seat>());
    this.#online.add(name);
    this.#write(name, { type: 'subscriber', user, tenant: TENANT });
    for (const granted of ROOMS) this.#write('oracle', { type: 'grant', user, room: granted });
    this.#write(name, { type: 'conn', state: 'open' });
    this.#subscribe(name, this.#rooms.get('chat')!);
  }

  #do(step: Command): void {
    if (step.do === 'publish') this.#publish(step.writer, step);
    else if (step.do === 'retry') this.#retry(step.writer);
    else if ('member' in step) this.#move(step.member, this.#rooms.get(step.room)!);
    else if (!('reader' in step)) this.#store(step.do, this.#rooms.get(step.room)!);
    else if ('room' in step) this.#sit(step.do, step.reader, this.#rooms.get(step.room)!);
    else if (step.do === 'cut') this.#cut(step.reader);
    else this.#return(step.reader);
  }

  #store(what: 'trim' | 'renew', place: Room): void {
    if (what === 'trim') place.messages = place.messages.slice(-1);
    else this.#renew(place);
  }

  #sit(what: 'deliver' | 'subscribe' | 'leave' | 'snapshot', name: Reader, place: Room): void {
    const seats = this.#seats.get(name)!;
    const seat = seats.get(place.name);
    if (!this.#online.has(name)) return;
    if (seat === undefined) {
      if (what === 'subscribe') this.#subscribe(name, place);
    } else if (what === 'deliver') {
      for (let count = 0; count < 3; count += 1) this.#deliver(name, place, seat);
    } else if (what === 'leave') {
      this.#write(name, { type: 'sub.end', room: place.name });
      seats.delete(place.name);
    } else if (what === 'snapshot') {
      seat.spot = topOf(place);
      this.#write(name, { type: 'reset', room: place.name, ...seat.spot });
    }
  }

  #publish(name: Writer, { room: to, fate: end, except: not }: PublishCommand): void {
    this.#settle(name);
    this.#published += 1;
    const n = this.#published;
    const place = this.#rooms.get(to)!;
    const publishing = { id: `${name}/${n}`, room: place, n, except: not, spot: undefined };
    this.#call(name, publishing);
    if (end === 'no') this.#write(name, { type: 'pub.no', id: publishing.id, code: 'forbidden' });
    if (end === 'ok' || end === 'late' || end === 'stored') append(publishing);
    if (end === 'ok' || end === 'late') this.#late.set(name, publishing);
    if (end === 'ok') this.#settle(name);
    if (end === 'stored' || end === 'dropped') this.#doubt(name, publishing);
  }

  #call(name: Writer, { id, room: to, n }: Publishing): void {
    this.#write(name, { type: 'pub.call', id, room: to.name, n, tenant: TENANT });
  }

  #doubt(name: Writer, publishing: Publishing): void {
    this.#write(name, { type: 'pub.maybe', id: publishing.id, why: 'timeout' });
    this.#doubtful.set(name, publishing);
  }

  #settle(name: Writer): void {
    const publishing = this.#late.get(name);
    if (publishing?.spot === undefined) return;
    this.#late.delete(name);
    const { id, room: to, spot } = publishing;
    const stored: Unstamped<PublishOk> = {
      type: 'pub.ok',
      id,
      room: to.name,
      ...spot,
      durability: 'memory',
    };
    this.#write(name, stored);
  }

  /** The store knows the id again, and appends it only if it is not there yet. */
  #retry(name: Writer): void {
    const publishing = this.#doubtful.get(name);
    if (publishing === undefined) return;
    this.#settle(name);
    this.#doubtful.delete(name);
    this.#call(name, publishing);
    if (publishing.spot === undefined) append(publishing);
    this.#late.set(name, publishing);
    this.#settle(name);
  }

  #subscribe(name: Reader, place: Room): void {
    const spot = topOf(place);
    this.#seats.get(name)!.set(place.name, { spot, recoveredUntil: 0 });
    this.#write(name, { type: 'sub.call', room: place.name });
    this.#write(name, { type: 'sub.ok', room: place.name, ...spot, wasRecovering: false });
    this.#showMembers(name, place);
  }

  #deliver(name: Reader, place: Room, seat: Seat): void {
    const { epoch } = topOf(place);
    const oldest = oldestOf(place);
    if (seat.spot.epoch !== epoch || seat.spot.offset < oldest - 1) {
      const reason = seat.spot.epoch === epoch ? 'evicted' : 'epoch-changed';
      seat.spot = { epoch, offset: oldest - 1 };
      this.#write(name, { type: 'gap', room: place.name, ...seat.spot, reason });
    }
    const next = place.messages.find(({ offset }) => offset === seat.spot.offset + 1);
    if (next === undefined) return;
    const { id, offset, except: not } = next;
    seat.spot = { epoch, offset };
    const via = offset <= seat.recoveredUntil ? 'recovered' : 'live';
    if (not === name) this.#write(name, { type: 'position', room: place.name, ...seat.spot });
    else {
      const where = { room: place.name, ...seat.spot };
      this.#write(name, { type: 'recv', ...where, id, via, tenant: TENANT });
    }
  }

  #cut(name: Reader): void {
    if (this.#online.delete(name)) {
      this.#write(name, { type: 'conn', state: 'close', code: 1006 });
    }
  }

  #return(name: Reader): void {
    if (this.#online.has(name)) return;
    this.#online.add(name);
    this.#write(name, { type: 'conn', state: 'open' });
    for (const [to, seat] of this.#seats.get(name)!) this.#resume(name, this.#rooms.get(to)!, seat);
  }

  #resume(name: Reader, place: Room, seat: Seat): void {
    const since = seat.spot;
    const top = topOf(place);
    const recovered = since.epoch === top.epoch && since.offset >= oldestOf(place) - 1;
    const replayed = recovered ? top.offset - since.offset : undefined;
    const verdict = { wasRecovering: true, recovered, replayed };
    this.#write(name, { type: 'sub.call', room: place.name, since });
    this.#write(name, { type: 'sub.ok', room: place.name, ...top, ...verdict });
    if (recovered) seat.recoveredUntil = top.offset;
    else {
      seat.spot = top;
      // A client that compares places may say it once more.
      if (top.offset % 2 === 0) {
        this.#write(name, { type: 'gap', room: place.name, ...top, reason: 'evicted' });
      }
    }
    this.#showMembers(name, place);
  }

  /** The store loses a room: whatever comes next stands in another epoch. */
  #renew(place: Room): void {
    for (const [name, publishing] of this.#late) {
      if (publishing.room !== place) continue;
      this.#late.delete(name);
      this.#write(name, { type: 'pub.maybe', id: publishing.id, why: 'lost' });
    }
    for (const [name, publishing] of this.#doubtful) {
      if (publishing.room === place) this.#doubtful.delete(name);
    }
    const fault: Omit<Unstamped<Fault>, 'on'> = {
      type: 'fault',
      kind: 'flush',
      target: place.name,
    };
    this.#write('nemesis', { ...fault, on: true });
    Object.assign(place, { generation: place.generation + 1, top: 0, messages: [] });
    this.#write('nemesis', { ...fault, on: false });
  }

  #move(member: string, place: Room): void {
    const type = place.members.delete(member) ? 'presence.leave' : 'presence.join';
    if (type === 'presence.join') place.members.add(member);
    for (const name of this.#online) {
      if (!this.#seats.get(name)!.has(place.name)) continue;
      this.#write(name, { type, room: place.name, member });
    }
  }

  #showMembers(name: Reader, place: Room): void {
    const members = [...place.members];
    this.#write(name, { type: 'presence.state', room: place.name, members });
  }

  #heal(): void {
    for (const name of WRITERS) this.#settle(name);
    for (const [name, seats] of this.#seats) {
      this.#return(name);
      for (const [to, seat] of seats) {
        const place = this.#rooms.get(to)!;
        for (let i = 0; i <= place.messages.length; i += 1) this.#deliver(name, place, seat);
      }
    }
    for (const place of this.#rooms.values()) {
      const { epoch } = topOf(place);
      const messages = place.messages.map(({ offset, id }) => ({ offset, id }));
      const held = { room: place.name, epoch, oldest: oldestOf(place), messages };
      this.#write('oracle', { type: 'final', ...held });
      const members = [...place.members];
      this.#write('oracle', { type: 'presence.final', room: place.name, members });
    }
  }
}

function append(publishing: Publishing): void {
  const { id, room: to, except: not } = publishing;
  to.top += 1;
  to.messages.push({ offset: to.top, id, except: not });
  publishing.spot = topOf(to);
}

function topOf({ name, generation, top }: Room): Spot {
  return { epoch: `${name}-${generation}`, offset: top };
}

function oldestOf({ top, messages }: Room): number {
  return messages[0]?.offset ?? top + 1;
}
