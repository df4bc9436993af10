export type { ConnectionHooks } from './admission.js';
export { Connection, type ConnectionState } from './connection.js';
export { RealtimeError, type RealtimeErrorOptions } from './errors.js';
export { DEFAULT_LIMITS, type CoreLimits } from './limits.js';
export { RealtimeNode, type Application, type NodeDependencies, type Outgoing } from './node.js';
export type * from './ports.js';
export { RequestContext } from './request-context.js';
export { isAsyncIterable, StreamSource, type StreamSink } from './stream.js';
