export type { ConnectionHooks } from './admission.js';
export type { ClientQuestion } from './client-questions.js';
export { Connection, type ConnectionState } from './connection.js';
export type { RequestHandler } from './connection-host.js';
export {
  assertCloseCode,
  assertEvent,
  assertLatest,
  assertRevocation,
  assertRoom,
  assertTimeout,
  assertVolatile,
  jsonText,
  payloadText,
} from './arguments.js';
export { withDeadline } from './deadline.js';
export { RealtimeError, type RealtimeErrorOptions } from './errors.js';
export { readHistory } from './history-answer.js';
export { InsuredRateStore, type RateInsurance } from './insured-rate-store.js';
export { DEFAULT_HISTORY, DEFAULT_LIMITS, type CoreLimits } from './limits.js';
export { MessageBundle } from './message-bundle.js';
export { RealtimeNode } from './node.js';
export type { Application, NodeDependencies, Outgoing } from './node-dependencies.js';
export {
  callable,
  custom,
  either,
  findProblems,
  flag,
  integer,
  milliseconds,
  nonEmptyString,
  RealtimeOptionsError,
  undefinedOnes,
  urlPath,
  type OptionRule,
  type OptionRules,
} from './option-rules.js';
export type * from './ports/index.js';
export { RateBucket } from './rate-bucket.js';
export { DEFAULT_SESSION_OPTIONS, type SessionOptions } from './sessions.js';
export { RequestContext } from './request-context.js';
export { isAsyncIterable, StreamSource, type StreamSink } from './stream.js';
