/** The client's door, `nestjs-realtime/client`. */
export { RealtimeClient } from './realtime-client.js';
export type { ClientLifecycle, DirectMessages, StreamOptions } from './client-api.js';
export { ClientErrorCode, RealtimeClientError, UnauthorizedError } from './errors.js';
export type { RealtimeClientErrorDetails } from './errors.js';
export type { ClientState, StateChange } from './client-state.js';
export type { RealtimeClientOptions, ReconnectOptions } from './options.js';
export type { TokenSource } from './token.js';
export type { WebSocketConstructor, WebSocketLike } from './environment.js';
export type { CallOptions } from './call-options.js';
export type {
  HistoryPage,
  HistoryQuery,
  MessageInfo,
  PastMessage,
  PublishReceipt,
  Room,
  RoomGap,
  RoomLifecycle,
  RoomRecovered,
  RoomReset,
  RoomState,
  RoomSubscribed,
  RoomUnsubscribed,
} from './room.js';
export type { PresenceChange, PresenceListener, PresenceState, RoomPresence } from './presence.js';
export type {
  Contract,
  DirectEvents,
  NameOfPattern,
  PayloadArguments,
  RequestName,
  RequestPayload,
  RequestResponse,
  RoomDefinition,
  RoomEvents,
  RoomName,
  RoomPublishes,
  RoomSnapshot,
  ServerRequestName,
  ServerRequestPayload,
  ServerRequestResponse,
  StreamItem,
  StreamName,
  StreamPayload,
  UntypedContract,
} from './contract.js';
export { closeAction, CloseCode, ErrorCode } from '../protocol/index.js';
export type {
  CloseAction,
  Durability,
  HistoryDirection,
  Position,
  PresenceEntry,
  PresenceMember,
  RecoveryReason,
} from '../protocol/index.js';
