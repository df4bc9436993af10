import type { ReactNode } from 'react';
import type {
  Contract,
  RealtimeClient,
  Room,
  RoomEvents,
  RoomName,
  RoomPublishes,
  RoomSnapshot,
} from '../client/index.js';
import type { RoomHandlers } from './bind-room.js';
import { RealtimeProvider, type RealtimeProviderProps } from './context.js';
import { useRealtime, type Realtime } from './use-realtime.js';
import { useRoom, type RoomView } from './use-room.js';

/** The provider and the hooks with a contract's types. */
export interface RealtimeHooks<C extends Contract> {
  /** `RealtimeProvider` for a client with this contract. */
  readonly RealtimeProvider: (
    props: Omit<RealtimeProviderProps, 'client'> & { readonly client: RealtimeClient<C> },
  ) => ReactNode;
  /** `useRealtime` with the contract's client. */
  readonly useRealtime: () => Omit<Realtime, 'client'> & { readonly client: RealtimeClient<C> };
  /** `useRoom` with the contract's rooms and events. */
  readonly useRoom: <N extends RoomName<C>>(
    name: N | null | undefined,
    handlers?: RoomHandlers<RoomEvents<C, N>, RoomSnapshot<C, N>>,
  ) => RoomView<Room<RoomEvents<C, N>, RoomPublishes<C, N>, RoomSnapshot<C, N>>>;
}

/**
 * The same provider and hooks, checked against a contract. Call it once, in a module:
 *
 * ```ts
 * export const { RealtimeProvider, useRealtime, useRoom } = realtimeHooks<ChatContract>();
 * ```
 */
export function realtimeHooks<C extends Contract>(): RealtimeHooks<C> {
  return { RealtimeProvider, useRealtime, useRoom } as unknown as RealtimeHooks<C>;
}
