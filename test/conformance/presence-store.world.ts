/** What the checks of the `PresenceStore` contract are made of: see presence-store.suite.ts. */
import type {
  PresenceChange,
  PresenceListener,
  PresenceRecord,
  PresenceSnapshot,
  PresenceStore,
} from '../../lib/core/index.js';
import type { PresenceMember } from '../../lib/protocol/index.js';

/** Presence stores of one deployment. */
export interface PresenceWorld {
  /** One for each node, not started yet. At least one; where there is one only, nobody else can outlive it. */
  readonly nodes: readonly PresenceStore[];
  readonly leaseMs: number;
  /** Stops a node where it is, as SIGSTOP does, or SIGKILL if it is never thawed. */
  freeze(node: number): void;
  /** Has it go on. */
  thaw(node: number): Promise<void>;
  /** Lets everybody's time pass. */
  advance(ms: number): Promise<void>;
  /** Waits until everything that was done is known everywhere. */
  settle(): Promise<void>;
  dispose(): Promise<void> | void;
}

/** What one node was told. */
export class PresenceEar implements PresenceListener {
  readonly heard: { readonly room: string; readonly change: PresenceChange }[] = [];
  readonly expiries: number[] = [];
  onChange: (room: string, change: PresenceChange) => void = () => undefined;
  onExpired: () => void = () => undefined;

  changed(room: string, change: PresenceChange): void {
    this.heard.push({ room, change });
    this.onChange(room, change);
  }

  missed(): void {
    throw new Error('expected nothing to be missed');
  }

  expired(): void {
    this.expiries.push(this.heard.length);
    this.onExpired();
  }

  of(room: string): PresenceChange[] {
    return this.heard.filter((entry) => entry.room === room).map(({ change }) => change);
  }

  /** What has happened in a room: `+` came, `~` changed, `-` went. */
  story(room: string): string[] {
    return this.of(room).map(({ userId, member, hasJoined }) => {
      if (member === undefined) return `-${userId}`;
      return `${hasJoined ? '+' : '~'}${userId}`;
    });
  }
}

/** A node of a world that is running. */
export interface StartedPresence {
  readonly store: PresenceStore;
  readonly ear: PresenceEar;
}

/** Starts every node of a world. */
export async function startPresence({
  nodes,
}: PresenceWorld): Promise<[StartedPresence, ...StartedPresence[]]> {
  const started = await Promise.all(
    nodes.map(async (store) => {
      const ear = new PresenceEar();
      await store.start(ear);
      return { store, ear };
    }),
  );
  const [first, ...others] = started;
  if (first === undefined) throw new Error('expected a world of at least one node');
  return [first, ...others];
}

/** The last node: another one than the first, where there is another. */
export function otherOf(nodes: readonly [StartedPresence, ...StartedPresence[]]): StartedPresence {
  return nodes.at(-1) ?? nodes[0];
}

/**
 * A record, from `user/client/connection`; what is left out is as what stands before it. Clients of
 * different users are different.
 */
export function rec(name: string, info?: unknown): PresenceRecord {
  const [userId = '', client = userId, connectionId = client] = name.split('/');
  const named = { userId, client: `${userId}:${client}`, connectionId };
  return info === undefined ? named : { ...named, info };
}

/** Lists everybody. */
export const ALL = 1_000;

/** Members as `user[connection,…]`. */
export function names(members: readonly PresenceMember[]): string[] {
  return members.map(
    ({ userId, connections }) =>
      `${userId}[${connections.map(({ connectionId }) => connectionId).join(',')}]`,
  );
}

/** Who is in a room, as {@link names}. */
export async function who(store: PresenceStore, room: string): Promise<string[]> {
  return names((await store.read(room, ALL)).members);
}

/** A snapshot with the changes after it applied, as somebody does who has only those. */
export function applied(
  { version, members }: PresenceSnapshot,
  changes: readonly PresenceChange[],
): PresenceMember[] {
  const users = new Map(members.map((member) => [member.userId, member]));
  for (const change of changes) {
    if (change.version <= version) continue;
    const { userId, member, hasJoined } = change;
    if (users.has(userId) === hasJoined) throw new Error(`${userId} joins and leaves in disorder`);
    if (member === undefined) users.delete(userId);
    else users.set(userId, member);
    if (users.size !== change.total) throw new Error('expected the total to be right');
  }
  return [...users.values()];
}
