import type { MessageInfo, RoomGap, RoomLifecycle, RoomReset } from '../client/index.js';
import type { RoomHandlers } from './bind-room.js';
import { useClient } from './context.js';
import { createStore, useStore, type Store } from './store.js';
import { useKeyed } from './use-keyed.js';
import { useRoom, type RoomView } from './use-room.js';

/**
 * What becomes of a component's state, by event name: a function gets the state and what a handler
 * of `useRoom` would get, and returns the next state, or the same one if nothing has changed. Each is
 * called once for each event, in the room's order.
 *
 * Without `reset` the room's snapshot is the state; it has to be given where it is of another type.
 */
export type RoomReducer<State, Events = Record<string, unknown>, Snapshot = unknown> = {
  readonly [K in Exclude<keyof Events & string, keyof RoomLifecycle>]?:
    ((state: State, payload: Events[K], message: MessageInfo) => State) | undefined;
} & {
  /** Messages were lost. Not called where the room has a snapshot: it makes up for them. */
  readonly gap?: ((state: State, gap: RoomGap) => State) | undefined;
} & ([Snapshot] extends [State]
    ? { readonly reset?: ResetReducer<State, Snapshot> | undefined }
    : { readonly reset: ResetReducer<State, Snapshot> });

/** What becomes of a component's state with a snapshot of the room's. */
export type ResetReducer<State, Snapshot> = (
  state: State,
  snapshot: Snapshot,
  info: RoomReset,
) => State;

/** A room whose state a component follows. */
export interface RoomStateView<R = RoomView['room']> extends RoomView<R> {
  /** Whether the room has told anything yet. Until then the state is the initial one. */
  readonly isLoaded: boolean;
}

/**
 * Follows a room's state: its snapshot, put in place whenever it comes, and every message after it.
 * Where messages were lost the client gets the snapshot anew, so that the state has no hole.
 *
 * For rooms whose class offers a snapshot. Of others, the state is what the messages make of
 * `initial`; the room's `error` tells `unsupported`, and a reducer for `gap` hears of losses.
 *
 * The state begins anew with another room, and when the component is shown again after it was
 * hidden. A reducer that throws leaves the state as it is; the error goes to `reportError`.
 *
 * @param name the room's name; `undefined`, `null` or empty for none yet.
 * @param reducer by event name; may be made of new functions at each render.
 * @param initial the state until the room has told something, also on the server. Read once for each room.
 * @throws RealtimeClientError with code `invalid-room`.
 * @throws Error when there is no provider above.
 */
export function useRoomState<State>(
  name: string | null | undefined,
  reducer: RoomReducer<NoInfer<State>>,
  initial: State,
): readonly [state: State, view: RoomStateView] {
  const client = useClient();
  const store = useKeyed<Store<Loaded<State>>>(
    () => {
      const begin = { state: initial, isLoaded: false };
      // Who does not listen misses messages: what was known then is no base for those that follow.
      return createStore(begin, (set) => () => {
        set(begin);
      });
    },
    client,
    name,
  );
  const view = useRoom(name, bindReducer(reducer as AnyReducer<State>, store));
  const { state, isLoaded } = useStore(store);
  return [state, { ...view, isLoaded }];
}

/** What the store holds. */
interface Loaded<State> {
  readonly state: State;
  readonly isLoaded: boolean;
}

type Reduce<State> = (state: State, ...args: readonly unknown[]) => State;

/** Reducers whose types were checked where they were given. */
type AnyReducer<State> = Readonly<Record<string, Reduce<State> | undefined>>;

/** Handlers that put what the reducers return into the store. */
function bindReducer<State>(
  reducer: AnyReducer<State>,
  { get, set }: Store<Loaded<State>>,
): RoomHandlers {
  const reducers: AnyReducer<State> = { ...reducer, reset: reducer['reset'] ?? takeSnapshot };
  const handlers = Object.entries(reducers).map(([event, reduce]) => [
    event,
    reduce &&
      ((...args: readonly unknown[]) => {
        const { state, isLoaded } = get();
        const next = reduce(state, ...args);
        if (!isLoaded || !Object.is(state, next)) set({ state: next, isLoaded: true });
      }),
  ]);
  return Object.fromEntries(handlers) as RoomHandlers;
}

const takeSnapshot = <State>(_state: State, snapshot: unknown): State => snapshot as State;
