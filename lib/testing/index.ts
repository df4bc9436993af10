export type * from '../protocol/client-frames.js';
export type * from '../protocol/server-frames.js';
export { listen } from './listen.js';
export { ManualClock } from './manual-clock.js';
export { RawClient, type Closed, type FrameOf, type RawClientOptions } from './raw-client.js';
