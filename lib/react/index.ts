/** The React door, `nestjs-realtime/react`. */
export { RealtimeProvider } from './context.js';
export type { RealtimeProviderProps } from './context.js';
export { useRealtime } from './use-realtime.js';
export type { Realtime } from './use-realtime.js';
export { useRoom } from './use-room.js';
export type { RoomView } from './use-room.js';
export type { RoomHandlers } from './bind-room.js';
export { realtimeHooks } from './typed-hooks.js';
export type { RealtimeHooks } from './typed-hooks.js';
