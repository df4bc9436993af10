import type { PresenceState } from '../client/index.js';
import { watchRoom } from './bind-room.js';
import { useClient } from './context.js';
import { createStore, useStore } from './store.js';
import { useKeyed } from './use-keyed.js';

/**
 * Who is in a room; renders again when that changes. Only who is in a room may watch it, so this
 * subscribes while the component is mounted, as `useRoom` does.
 *
 * While the connection is broken it is what was known last. A refusal is told by the room's `error`.
 *
 * @param name the room's name; `undefined`, `null` or empty for none yet.
 * @returns `undefined` until it is known, outside of the room, on the server and while hydrating.
 * @throws RealtimeClientError with code `invalid-room`.
 * @throws Error when there is no provider above.
 */
export function usePresence(name: string | null | undefined): PresenceState | undefined {
  const client = useClient();
  const store = useKeyed(
    () => {
      const room = name ? client.room(name) : undefined;
      return createStore<PresenceState | undefined>(undefined, (set) => {
        if (room === undefined) return () => undefined;
        let known: PresenceState | undefined;
        const show = () => {
          set(room.state === 'unsubscribed' ? undefined : known);
        };
        const unwatch = room.presence.watch((state) => {
          known = state;
          show();
        });
        const unwatchRoom = watchRoom(room, show);
        return () => {
          unwatch();
          unwatchRoom();
          set(undefined);
        };
      });
    },
    client,
    name,
  );
  return useStore(store);
}
