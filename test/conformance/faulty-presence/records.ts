/** Presence stores that break S1, S2, S7 or S9. */
import type { PresenceRecord, PresenceScope, PresenceSnapshot } from '../../../lib/core/index.js';
import { WrappedStore, type Key } from './wrapped-store.js';

/** Counts devices where users are meant. */
export class CountsDevices extends WrappedStore {
  protected override seen(snapshot: PresenceSnapshot): PresenceSnapshot {
    const devices = snapshot.members.flatMap(({ connections }) => connections);
    return { ...snapshot, total: devices.length };
  }
}

/** Takes a user out with the first device that goes. */
export class ForgetsWithOneDevice extends WrappedStore {
  readonly #records: { room: string; record: PresenceRecord }[] = [];

  override async put(room: string, record: PresenceRecord): Promise<void> {
    this.#records.push({ room, record });
    await super.put(room, record);
  }

  override async remove(room: string, key: Key, scope: PresenceScope): Promise<void> {
    for (const { room: name, record } of this.#records) {
      if (name === room && record.userId === key.userId) await super.remove(room, record, scope);
    }
    await super.remove(room, key, scope);
  }
}

/** Keeps one device a user: its fields are overwritten. */
export class KeepsLastDevice extends WrappedStore {
  override put(room: string, record: PresenceRecord): Promise<void> {
    return super.put(room, { ...record, client: record.userId });
  }
}

/** Keeps what is known as text, and gives the text. */
export class ForgetsInfo extends WrappedStore {
  override put(room: string, { userId, client, connectionId }: PresenceRecord): Promise<void> {
    return super.put(room, { userId, client, connectionId });
  }
}

/** Does not know that a client may come back. */
export class IgnoresClient extends WrappedStore {
  override put(room: string, record: PresenceRecord): Promise<void> {
    return super.put(room, { ...record, client: record.connectionId });
  }
}

/** Removes a client, by whichever connection it is there. */
export class RemovesByClient extends WrappedStore {
  override async remove(room: string, key: Key, scope: PresenceScope): Promise<void> {
    const { members } = await this.inner.read(room, 1_000);
    const shown = members
      .find(({ userId }) => userId === key.userId)
      ?.connections.map(({ connectionId }) => connectionId);
    for (const connectionId of [...(shown ?? []), key.connectionId]) {
      await super.remove(room, { ...key, connectionId }, scope);
    }
  }
}

/** Forgets a record when another one of its client comes. */
export class ForgetsOlder extends WrappedStore {
  override remove(room: string, key: Key): Promise<void> {
    return super.remove(room, key, 'client');
  }
}

/** Leaves a client's older records behind. */
export class KeepsOlder extends WrappedStore {
  override remove(room: string, key: Key): Promise<void> {
    return super.remove(room, key, 'connection');
  }
}

/** Takes a record that is changed for the newest. */
export class MovesChanged extends WrappedStore {
  override async put(room: string, record: PresenceRecord): Promise<void> {
    await super.remove(room, record, 'connection');
    await super.put(room, record);
  }
}

/** Uses a part of the name as the key, so that `a:b` and `a` are one room. */
export class LeaksRooms extends WrappedStore {
  override put(room: string, record: PresenceRecord): Promise<void> {
    return super.put(room.split(':')[0] ?? '', record);
  }
}

/** Keeps users in an object. */
export class KnowsProto extends WrappedStore {
  override async put(room: string, record: PresenceRecord): Promise<void> {
    if (record.userId !== '__proto__') await super.put(room, record);
  }
}

/** Sends what is removed by a way that is slower. */
export class RemovesLate extends WrappedStore {
  override async remove(room: string, key: Key, scope: PresenceScope): Promise<void> {
    await Promise.resolve();
    await super.remove(room, key, scope);
  }
}

/** Is done before the others know. */
export class PutsLate extends WrappedStore {
  override async put(room: string, record: PresenceRecord): Promise<void> {
    setImmediate(() => {
      super.put(room, record).catch(() => undefined);
    });
  }
}
