import type { MessageInfo, Room, RoomLifecycle } from '../client/index.js';

/** Handlers of a room: its own events by their reserved names, messages by event name. */
export type RoomHandlers<Events = Record<string, unknown>, Snapshot = unknown> = {
  readonly [K in Exclude<keyof Events & string, keyof RoomLifecycle>]?:
    ((payload: Events[K], message: MessageInfo) => unknown) | undefined;
} & {
  readonly [K in keyof RoomLifecycle]?:
    ((...args: RoomLifecycle<Snapshot>[K]) => unknown) | undefined;
};

/** Handlers whose types were checked where they were given. */
export type AnyHandlers = Readonly<Record<string, ((...args: never) => unknown) | undefined>>;

/** Calls `onChange` after each transition of the room. Returns the function that ends it. */
export function watchRoom(room: Room, onChange: () => void): () => void {
  return endAll(
    (['subscribing', 'subscribed', 'unsubscribed'] as const).map((state) =>
      room.on(state, onChange),
    ),
  );
}

/**
 * Registers a handler for each of the names. What is called is what `current()` has under the name
 * at that moment, so that new handlers need no new registration and no new subscription.
 */
export function bindRoom(
  room: Room,
  names: readonly string[],
  current: () => AnyHandlers | undefined,
): () => void {
  // The room tells its reserved names from messages by itself, so one kind of registration does.
  return endAll(
    names.map((name) =>
      room.on(name, (...args: unknown[]) => {
        const handler = current()?.[name] as ((...all: unknown[]) => unknown) | undefined;
        return handler?.(...args);
      }),
    ),
  );
}

/** One function for many. */
function endAll(ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
