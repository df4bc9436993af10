export { RedisBroker, type RedisBrokerOptions, type RedisBrokerSetup } from './redis-broker.js';
export { ControlWriter, type ControlWriterSetup } from './control-writer.js';
export type { ChannelLine, ChannelListener, RedisChannels } from './redis-channels.js';
export { RedisCommandLink, type RedisCommandLinkSetup } from './redis-command-link.js';
export type { RedisClusterOptions, RedisCommands, RedisOptions } from './redis-commands.js';
export type { RealtimeRedisOptions } from './redis-options.interface.js';
export { DEFAULT_PREFIX, RedisKeys } from './redis-keys.js';
export { RedisLink, type RedisLinkOptions, type RedisLinkSetup } from './redis-link.js';
export {
  RedisPresenceStore,
  type RedisPresenceOptions,
  type RedisPresenceSetup,
} from './redis-presence.js';
export { RedisRateStore, type RedisRateOptions, type RedisRateSetup } from './redis-rate-store.js';
export {
  RedisReplyStore,
  type RedisReplyOptions,
  type RedisReplySetup,
} from './redis-reply-store.js';
export {
  RedisPublisher,
  type RedisPublisherOptions,
  type RedisPublisherSetup,
} from './redis-publisher.js';
export { REDIS_RULES, redisProblems } from './redis-rules.js';
export { sourceOf, type RedisPlaceOptions, type RedisSource } from './redis-source.js';
export { probeAtStart, type StartUpProbeSetup } from './start-up-probe.js';
