export {
  RealtimeError,
  type Authentication,
  type Broker,
  type BrokerListener,
  type Clock,
  type ControlCommand,
  type Handshake,
  type NodeAnswer,
  type NodeQuestion,
  type Observer,
  type Publication,
  type PublishReceipt,
  type Random,
  type RealtimeErrorOptions,
  type RealtimeUser,
  type RevocationRule,
  type Session,
  type SessionOptions,
  type StoredPublication,
  type TokenVerifier,
} from './core/index.js';
export { MemoryBroker, type MemoryBrokerOptions } from './memory/index.js';
export * from './nest/index.js';
export {
  CloseCode,
  closeAction,
  ErrorCode,
  SUBPROTOCOL,
  type CloseAction,
  type Durability,
  type Position,
} from './protocol/index.js';
export type { AllowedOrigins, HeartbeatOptions, TrustProxy } from './transport/index.js';
