export type * from '../protocol/frames.js';
export { listen } from './listen.js';
export { ManualClock } from './manual-clock.js';
export { RawClient, type Closed, type FrameOf, type RawClientOptions } from './raw-client.js';
