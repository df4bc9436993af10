export { DEFAULT_HEARTBEAT, type HeartbeatOptions } from './heartbeat.js';
export { DEFAULT_TRANSPORT_LIMITS, type TransportLimits } from './limits.js';
export { SystemClock } from './system-clock.js';
export { SystemRandom } from './system-random.js';
export { UpgradeRouter } from './upgrade-router.js';
export { WsServer, type Accept, type WsServerOptions } from './ws-server.js';
