/** Counts what a node of ours gets from Redis, and how much of it nobody on the node wants. */

/** Begins each message of a frame, see `lib/redis/frame.ts`. No JSON text holds it. */
const RECORD = '\u001e';

/**
 * Counts from now on. To be called before the application is initialised.
 *
 * @param {object} app the application.
 * @param {object} tokens `REALTIME_REDIS`, `REALTIME_BROKER` and `RoomService` of the package.
 */
export function countTraffic(app, { REALTIME_REDIS, REALTIME_BROKER, RoomService }) {
  const { link } = app.get(REALTIME_REDIS);
  const broker = app.get(REALTIME_BROKER);
  const rooms = app.get(RoomService);
  const traffic = { received: 0, wasted: 0 };
  // A channel is subscribed to within the call that opens its room; others are no rooms'.
  let opening;
  const open = broker.subscribe.bind(broker);
  broker.subscribe = (room) => {
    opening = room;
    const top = open(room);
    opening = undefined;
    return top;
  };
  const listen = link.subscribe.bind(link);
  link.subscribe = (channel, listener) =>
    listen(channel, opening === undefined ? listener : counted(opening, listener));

  function counted(room, listener) {
    const message = async (text) => {
      const count = text.split(RECORD).length - 1;
      traffic.received += count;
      const members = await rooms.size(room);
      if (members === 0) traffic.wasted += count;
    };
    return {
      message: (text) => {
        void message(text);
        listener.message(text);
      },
      missed: () => listener.missed(),
    };
  }
  return traffic;
}
