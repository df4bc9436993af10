import type { ReactNode } from 'react';
import type {
  Contract,
  PresenceState,
  RequestName,
  RequestPayload,
  RequestResponse,
  Room,
  RoomEvents,
  RoomName,
  RoomPublishes,
  RoomSnapshot,
} from '../client/index.js';
import type { RoomHandlers } from './bind-room.js';
import { RealtimeProvider, type RealtimeProviderProps } from './provider.js';
import { usePresence } from './use-presence.js';
import { useRealtime, type Realtime } from './use-realtime.js';
import { useRequest, type RequestView } from './use-request.js';
import { useRoomState, type RoomReducer, type RoomStateView } from './use-room-state.js';
import { useRoom, type RoomView } from './use-room.js';

/** A contract's room with this name. */
export type RoomOf<C, N extends string> = Room<
  RoomEvents<C, N>,
  RoomPublishes<C, N>,
  RoomSnapshot<C, N>
>;

/** The provider and the hooks with a contract's types. */
export interface RealtimeHooks<C extends Contract> {
  /** `RealtimeProvider` for a client with this contract. */
  readonly RealtimeProvider: (props: RealtimeProviderProps<C>) => ReactNode;
  /** `useRealtime` with the contract's client. */
  readonly useRealtime: () => Realtime<C>;
  /** `useRoom` with the contract's rooms and events. */
  readonly useRoom: <N extends RoomName<C>>(
    name: N | null | undefined,
    handlers?: RoomHandlers<RoomEvents<C, N>, RoomSnapshot<C, N>>,
  ) => RoomView<RoomOf<C, N>>;
  /** `useRoomState` with the contract's rooms, events and snapshots. */
  readonly useRoomState: <N extends RoomName<C>, State>(
    name: N | null | undefined,
    reducer: RoomReducer<NoInfer<State>, RoomEvents<C, N>, RoomSnapshot<C, N>>,
    initial: State,
  ) => readonly [state: State, view: RoomStateView<RoomOf<C, N>>];
  /** `usePresence` with the contract's rooms. */
  readonly usePresence: (name: RoomName<C> | null | undefined) => PresenceState | undefined;
  /** `useRequest` with the contract's requests. */
  readonly useRequest: <E extends RequestName<C>>(
    event: E,
  ) => RequestView<RequestPayload<C, E>, RequestResponse<C, E>>;
}

/**
 * The same provider and hooks, checked against a contract. Call it once, in a module:
 *
 * ```ts
 * export const { RealtimeProvider, useRealtime, useRoom } = realtimeHooks<ChatContract>();
 * ```
 */
export function realtimeHooks<C extends Contract>(): RealtimeHooks<C> {
  return {
    RealtimeProvider,
    useRealtime,
    useRoom,
    useRoomState,
    usePresence,
    useRequest,
  } as unknown as RealtimeHooks<C>;
}
