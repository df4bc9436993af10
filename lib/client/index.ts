/** The client's door, `nestjs-realtime/client`. */
export { RealtimeClient } from './realtime-client.js';
export { handle } from './handle.js';
export { stream } from './stream.js';
export { history } from './history.js';
export type { HistoryPage, HistoryQuery, PastMessage } from './history.js';
export { binaryJson } from './binary-json.js';
export { checkOptions } from './check-options.js';
export { dropNewest, dropOldest } from './drop-policies.js';
export type { DropPolicy } from './drop-policies.js';
export { openOutbox } from './open-outbox.js';
export type { OutboxOptions } from './open-outbox.js';
export type { DurableRequests, Outbox, OutboxOutcome } from './outbox.js';
export { shareTabs } from './share-tabs.js';
export type { ShareTabsOptions } from './share-tabs.js';
export type { ClientIdentity } from './identity.js';
export type { ClientLifecycle, DirectMessages, StreamOptions } from './client-api.js';
export { ClientErrorCode, RealtimeClientError, UnauthorizedError } from './errors.js';
export type { RealtimeClientErrorDetails } from './errors.js';
export type { ClientState, StateChange } from './client-state.js';
export type { BufferOptions, RealtimeClientOptions, ReconnectOptions } from './options.js';
export type { TokenSource } from './token.js';
export type { WebSocketConstructor, WebSocketLike } from './environment.js';
export type { CallOptions } from './call-options.js';
export type {
  MessageInfo,
  PublishReceipt,
  Room,
  RoomGap,
  RoomLifecycle,
  RoomRecovered,
  RoomReset,
  RoomSkipped,
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
  JsonCodec,
  Position,
  PresenceEntry,
  PresenceMember,
  RecoveryReason,
} from '../protocol/index.js';
