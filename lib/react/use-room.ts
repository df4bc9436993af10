import { useCallback, useEffect, useSyncExternalStore } from 'react';
import type { Room, RoomState } from '../client/index.js';
import { bindRoom, watchRoom, type AnyHandlers, type RoomHandlers } from './bind-room.js';
import { useClient } from './context.js';
import { useLatest } from './use-latest.js';

/** A room as a component sees it. */
export interface RoomView<R = Room> {
  /** The room, to publish into; absent while the hook was given no name. */
  readonly room: R | undefined;
  /** Where the room is; `unsubscribed` on the server and while hydrating. */
  readonly state: RoomState;
}

/**
 * Listens to a room while the component is mounted: subscribes when it mounts, leaves when the last
 * listener in the application unmounts. Rooms are told apart by name and the events by their names:
 * handlers may be new functions at each render, without a new subscription. React's strict mode,
 * which mounts twice, sends nothing twice. No handler is called once the component is gone.
 *
 * @param name the room's name; `undefined`, `null` or empty for none yet.
 * @param handlers by event name: messages, and `gap`, `reset` and the like of the room itself. A
 * handler that is `undefined` is none. Without any for messages or `reset` the room is not entered.
 * @throws RealtimeClientError with code `invalid-room`.
 * @throws Error when there is no provider above.
 */
export function useRoom(name: string | null | undefined, handlers: RoomHandlers = {}): RoomView {
  const client = useClient();
  const room = name ? client.room(name) : undefined;
  const latest = useLatest<{ room: Room | undefined; handlers: AnyHandlers }>({ room, handlers });

  const given = Object.keys(handlers).filter((key) => handlers[key] !== undefined);
  const isStateful = given.includes('reset');
  const names = JSON.stringify(given.filter((key) => key !== 'reset').sort());
  // `reset` first: a subscription that did not ask for the state would have to be asked for again.
  // And alone: each time it is added, the state is asked for.
  const current = useCallback(
    // Effects end late: handlers that belong to the next room hear nothing of the one before.
    () => (latest.current?.room === room ? latest.current?.handlers : undefined),
    [room, latest],
  );
  useEffect(
    () => (room && isStateful ? bindRoom(room, ['reset'], current) : undefined),
    [room, isStateful, current],
  );
  useEffect(
    () => room && bindRoom(room, JSON.parse(names) as string[], current),
    [room, names, current],
  );

  const subscribe = useCallback(
    (onChange: () => void) => (room === undefined ? none : watchRoom(room, onChange)),
    [room],
  );
  const state = useSyncExternalStore(subscribe, () => room?.state ?? 'unsubscribed', unsubscribed);
  return { room, state };
}

const none = (): void => undefined;
const unsubscribed = (): RoomState => 'unsubscribed';
