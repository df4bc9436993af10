import type { ClientFrame, ServerFrame } from '../../../lib/protocol/index.js';

/** A frame of every type that a client may send, with every field it may have. */
export const goldenClientFrames: readonly ClientFrame[] = [
  {
    type: 'hello',
    token: 'token-ada',
    clientKey: '0123456789abcdef0123456789abcdef',
    rooms: [{ room: 'chat/general', epoch: 'e1', offset: 4 }, { room: 'chat/other' }],
  },
  { type: 'subscribe', id: '1', room: 'chat/general', epoch: 'e1', offset: 4 },
  { type: 'unsubscribe', id: '2', room: 'chat/general' },
  { type: 'publish', id: '3', room: 'chat/general', event: 'typing', payload: { on: true } },
  { type: 'request', id: '4', event: 'echo', payload: [1, 'two', null, { three: 3.5 }] },
  { type: 'cancel', id: '4' },
  { type: 'presence', id: '7', room: 'chat/general' },
  { type: 'authenticate', id: '6', token: 'token-ada-2' },
  { type: 'ping', id: '5' },
];

/** A frame of every type that a server may send, with every field it may have. */
export const goldenServerFrames: readonly ServerFrame[] = [
  {
    type: 'connected',
    connectionId: 'c1',
    user: { id: 'ada' },
    heartbeat: { intervalMs: 30_000, timeoutMs: 45_000 },
    limits: { frameBytes: 1_048_576, rooms: 100 },
  },
  {
    type: 'subscribed',
    id: '1',
    room: 'chat/general',
    epoch: 'e1',
    offset: 4,
    recovered: false,
    replayed: 0,
    reason: 'evicted',
  },
  { type: 'unsubscribed', id: '2', room: 'chat/general', reason: 'forbidden' },
  {
    type: 'message',
    room: 'chat/general',
    event: 'typing',
    id: 'm1',
    timestamp: 1_700_000_000_000,
    epoch: 'e1',
    offset: 5,
    payload: { on: true },
  },
  { type: 'position', room: 'chat/general', epoch: 'e1', offset: 6 },
  { type: 'gap', room: 'chat/general', epoch: 'e2', offset: 0, reason: 'epoch-changed' },
  { type: 'response', id: '4', payload: null },
  { type: 'next', id: '4', payload: 1 },
  { type: 'complete', id: '4' },
  {
    type: 'error',
    id: '4',
    code: 'rate-limited',
    message: 'too many requests',
    retryable: true,
    retryAfterMs: 250,
    details: { limit: 5 },
  },
  { type: 'published', id: '3', epoch: 'e1', offset: 5, durability: 'memory' },
  {
    type: 'presence',
    id: '7',
    room: 'chat/general',
    total: 2,
    members: [{ userId: 'ada', connections: 2 }],
  },
  { type: 'authenticate', withinMs: 30_000 },
  { type: 'authenticated', id: '6', expiresAt: 1_700_000_600_000 },
  { type: 'going-away', afterMs: 0, windowMs: 5_000 },
  { type: 'pong', id: '5' },
];
