import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Room, RoomState } from '../client/index.js';
import { bindRoom, watchRoom, type AnyHandlers, type RoomHandlers } from './bind-room.js';
import { useClient } from './context.js';

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
 * which mounts twice, sends nothing twice.
 *
 * @param name the room's name; `undefined` or `null` for none yet.
 * @param handlers by event name: messages, and `gap`, `subscribed` and the like of the room itself.
 * @throws RealtimeClientError with code `invalid-room`.
 */
export function useRoom(name: string | null | undefined, handlers: RoomHandlers = {}): RoomView {
  const client = useClient();
  const room = name ? client.room(name) : undefined;

  const latest = useRef<AnyHandlers>(handlers);
  // In an effect, not while rendering: a render that React throws away must not change who is called.
  useEffect(() => {
    latest.current = handlers;
  });

  const names = Object.keys(handlers).sort().join('\n');
  useEffect(() => {
    if (room === undefined || names === '') return undefined;
    return bindRoom(room, names.split('\n'), () => latest.current);
  }, [room, names]);

  const subscribe = useCallback(
    (onChange: () => void) => (room === undefined ? none : watchRoom(room, onChange)),
    [room],
  );
  const state = useSyncExternalStore(subscribe, () => room?.state ?? 'unsubscribed', unsubscribed);
  return { room, state };
}

const none = (): void => undefined;
const unsubscribed = (): RoomState => 'unsubscribed';
