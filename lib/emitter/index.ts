export {
  RealtimeError,
  RealtimeOptionsError,
  type HistoryPolicy,
  type PublishReceipt,
  type RealtimeErrorOptions,
  type RevocationRule,
} from '../core/index.js';
export { ErrorCode, type Durability, type Position } from '../protocol/index.js';
export type {
  RedisBrokerOptions,
  RedisClusterOptions,
  RedisCommands,
  RedisLinkOptions,
  RedisOptions,
  RedisPlaceOptions,
} from '../redis/index.js';
export { RealtimeEmitter } from './realtime-emitter.js';
export type {
  EmitterDisconnectOptions,
  EmitterPublishOptions,
  RealtimeEmitterOptions,
} from './realtime-emitter-options.interface.js';
