export { listen } from './listen.js';
export { ManualClock } from './manual-clock.js';
export { RawClient, type Closed, type RawClientOptions } from './raw-client.js';
