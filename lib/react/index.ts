/** The React door, `nestjs-realtime/react`. */
export { RealtimeProvider } from './provider.js';
export type { CreateClient, OwnedClientOptions, RealtimeProviderProps } from './provider.js';
export { useRealtime } from './use-realtime.js';
export type { Realtime } from './use-realtime.js';
export { useRoom } from './use-room.js';
export type { RoomView } from './use-room.js';
export type { RoomHandlers } from './bind-room.js';
export { useRoomState } from './use-room-state.js';
export type { ResetReducer, RoomReducer, RoomStateView } from './use-room-state.js';
export { usePresence } from './use-presence.js';
export { useRequest } from './use-request.js';
export type { RequestCall, RequestState, RequestView } from './use-request.js';
export { realtimeHooks } from './typed-hooks.js';
export type { RealtimeHooks, RoomOf } from './typed-hooks.js';
