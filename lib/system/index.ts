export { SystemClock } from './system-clock.js';
export { SystemRandom } from './system-random.js';
