/** The client's door, `nestjs-realtime/client`. */
export { RealtimeClient } from './realtime-client.js';
export type { ClientLifecycle, DirectMessages, StreamOptions } from './realtime-client.js';
export { ClientErrorCode, RealtimeClientError, UnauthorizedError } from './errors.js';
export type { RealtimeClientErrorDetails } from './errors.js';
export type { ClientState, StateChange } from './client-state.js';
export type { RealtimeClientOptions, ReconnectOptions } from './options.js';
export type { TokenSource } from './token.js';
export type { WebSocketConstructor, WebSocketLike } from './environment.js';
export type {
  CallOptions,
  MessageInfo,
  PublishReceipt,
  Room,
  RoomGap,
  RoomLifecycle,
  RoomState,
  RoomSubscribed,
  RoomUnsubscribed,
} from './room.js';
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
  StreamItem,
  StreamName,
  StreamPayload,
  UntypedContract,
} from './contract.js';
export { closeAction, CloseCode, ErrorCode } from '../protocol/index.js';
export type { CloseAction, Durability, Position, RecoveryReason } from '../protocol/index.js';
