export type { JwtClaims, JwtOptions } from './auth/jwt-options.interface.js';
export { SessionService } from './auth/session.service.js';
export { TokenAuthGuard } from './auth/token-auth.guard.js';
export type { TokenSourceOptions } from './auth/token-sources.js';
export { RealtimeConnection } from './connection/realtime-connection.js';
export { CurrentUser } from './decorators/current-user.decorator.js';
export { Idempotent } from './decorators/idempotent.decorator.js';
export { RateLimit, SkipRateLimit } from './decorators/rate-limit.decorator.js';
export { Public } from './decorators/public.decorator.js';
export { RealtimeGateway } from './decorators/realtime-gateway.decorator.js';
export { RequestSignal } from './decorators/request-signal.decorator.js';
export type { OnRealtimeConnect } from './gateways/on-realtime-connect.interface.js';
export type {
  HealthCheckOptions,
  HealthIndication,
  HealthOfPart,
  HealthReport,
  HealthStatus,
} from './health/health-report.interface.js';
export { RealtimeHealth } from './health/realtime-health.js';
export type { HistoryOption } from './options/history-option.js';
export type {
  RealtimeAuthOptions,
  RealtimeHandlerOptions,
  RealtimeHeartbeatOptions,
  RealtimeLimits,
  RealtimeMemoryOptions,
  RealtimeModuleOptions,
  RealtimeOptionsFactory,
  RealtimeRoomsOptions,
  RealtimeShutdownOptions,
  ResolvedRealtimeOptions,
  VerifiedUser,
} from './options/realtime-options.interface.js';
export type {
  RateLimitedRequest,
  RateLimitKey,
  RateLimitOptions,
  RealtimeRateLimitOptions,
} from './rate-limit/rate-limit-options.interface.js';
export { RateLimitInterceptor } from './rate-limit/rate-limit.interceptor.js';
export type { RedisStores } from './redis/redis-stores.js';
export { RealtimeModule } from './realtime.module.js';
export { RealtimeService } from './realtime.service.js';
export {
  REALTIME_BROKER,
  REALTIME_CLOCK,
  REALTIME_OBSERVER,
  REALTIME_OPTIONS,
  REALTIME_PRESENCE_STORE,
  REALTIME_RANDOM,
  REALTIME_RATE_STORE,
  REALTIME_REDIS,
  REALTIME_REPLY_STORE,
  REALTIME_TOKEN_VERIFIER,
} from './realtime.tokens.js';
export { RealtimeRoom } from './rooms/realtime-room.decorator.js';
export { ExactSnapshot } from './rooms/exact-snapshot.js';
export type {
  EventSchema,
  LatestKey,
  RoomOptions,
  RoomPresenceOptions,
} from './rooms/room-options.interface.js';
export type {
  AskedClient,
  ClientAnswer,
  ClientRefusal,
  ClientRequestOptions,
  RoomAnswers,
} from './rooms/client-answers.js';
export type { RoomParams, RoomPolicy } from './rooms/room-policy.interface.js';
export type { RoomHistory, RoomHistoryOptions, RoomMessage } from './rooms/room-history.js';
export {
  RoomService,
  type DisconnectOptions,
  type Published,
  type RoomMember,
  type RoomPresenceState,
} from './rooms/room.service.js';
export type { ConnectionRef, PublishOptions } from './rooms/publish-options.js';
