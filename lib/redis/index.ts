export { RedisBroker, type RedisBrokerOptions, type RedisBrokerSetup } from './redis-broker.js';
export type { ChannelListener, RedisChannels } from './redis-channels.js';
export type { RedisClusterOptions, RedisCommands, RedisOptions } from './redis-commands.js';
export { DEFAULT_PREFIX, RedisKeys } from './redis-keys.js';
export { RedisLink, type RedisLinkOptions, type RedisLinkSetup } from './redis-link.js';
export {
  RedisPresenceStore,
  type RedisPresenceOptions,
  type RedisPresenceSetup,
} from './redis-presence.js';
export {
  RedisReplyStore,
  type RedisReplyOptions,
  type RedisReplySetup,
} from './redis-reply-store.js';
export type { RedisSource } from './redis-source.js';
export { probeAtStart, type StartUpProbeSetup } from './start-up-probe.js';
