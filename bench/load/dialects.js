/**
 * What a client of each server says: the handshake, the words until it is in its rooms, a request. Only
 * as much of each protocol as the benchmark needs.
 */
import { payloadNow } from '../servers/payload.js';

/** What a server's text means for a connection that is being set up. */
const NOTHING = {};

/** `realtime.v1.json`: token in the handshake, rooms in `hello`. */
const ours = {
  path: '/realtime',
  headers: (token) => [
    `Authorization: Bearer ${token}`,
    'Sec-WebSocket-Protocol: realtime.v1.json',
  ],
  greeting: ({ rooms, clientKey, attempt, positions }) => {
    const wanted = rooms.map((room) => ({ room, ...positions?.get(room) }));
    return JSON.stringify({ type: 'hello', clientKey, attempt, rooms: wanted });
  },
  read: (text, visitor) => {
    const frame = JSON.parse(text);
    if (frame.type === 'error') return { refused: frame.code };
    if (frame.type !== 'subscribed') return NOTHING;
    const { room, epoch, offset, recovered, replayed } = frame;
    visitor.verdicts?.push({ room, recovered, replayed });
    visitor.seen?.set(room, { epoch, offset });
    return { joined: 1 };
  },
  joins: (rooms) => rooms.length,
  request: (event, id) =>
    JSON.stringify({ type: 'request', id: String(id), event, payload: payloadNow(0) }),
};

/** `{ event, data }`, as `ws`, `@nestjs/platform-ws` and uWebSockets are used here. */
const json = {
  path: '/',
  headers: (token) => [`Authorization: Bearer ${token}`],
  greeting: () => undefined,
  read: (text, { rooms }) => {
    const { event } = JSON.parse(text);
    if (event === 'ready') return { reply: JSON.stringify({ event: 'join', data: { rooms } }) };
    return event === 'joined' ? { joined: 1 } : NOTHING;
  },
  joins: () => 1,
  request: (event, id) => JSON.stringify({ id, event, data: payloadNow(0) }),
};

/** Engine.IO 4 and Socket.IO 5 as text. */
const socketio = {
  path: '/socket.io/?EIO=4&transport=websocket',
  headers: () => [],
  greeting: () => undefined,
  read: (text, { rooms, token }) => {
    if (text.startsWith('0')) return { reply: `40${JSON.stringify({ token })}` };
    if (text === '2') return { reply: '3' };
    if (text.startsWith('40')) return { reply: `420${JSON.stringify(['join', { rooms }])}` };
    return text.startsWith('430') ? { joined: 1 } : NOTHING;
  },
  joins: () => 1,
  request: (event, id) => `42${String(id)}${JSON.stringify([event, payloadNow(0)])}`,
};

/** The dialect of each server. */
export const DIALECTS = new Map([
  ['ours', ours],
  ['ours-pool', ours],
  ['ws', json],
  ['platform-ws', json],
  ['uwebsockets', json],
  ['socketio', socketio],
  ['platform-socketio', socketio],
  ['redis-adapter', socketio],
  ['sharded-adapter', socketio],
  ['streams-adapter', socketio],
]);
