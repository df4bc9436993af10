/** This package with large frames read on another thread. */
import { start as startOurs } from './ours.js';

/** Starts the server. */
export function start() {
  return startOurs({ heavyFrames: {} });
}
