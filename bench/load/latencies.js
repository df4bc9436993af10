import { microseconds } from '../servers/payload.js';

const MARK = Buffer.from('"sentAt":');
const DIGIT_0 = 48;
const DIGIT_9 = 57;

/** Times from the making of a payload to its arrival, in microseconds. */
export class Latencies {
  #times = [];

  /** Takes the time since the payload in these bytes was made. */
  sample(bytes, start, end) {
    let at = bytes.indexOf(MARK, start) + MARK.length;
    let sentAt = 0;
    while (at < end && bytes[at] >= DIGIT_0 && bytes[at] <= DIGIT_9) {
      sentAt = sentAt * 10 + bytes[at] - DIGIT_0;
      at += 1;
    }
    this.#times.push(microseconds() - sentAt);
  }

  /** Takes a time. */
  add(time) {
    this.#times.push(time);
  }

  /** Takes all times of another one. */
  addAll(other) {
    for (const time of other.#times) this.#times.push(time);
  }

  /** Forgets what was taken. */
  clear() {
    this.#times = [];
  }

  /** The time below which that share of all lies; undefined if there are none. */
  at(share) {
    const sorted = Float64Array.from(this.#times).sort();
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  }
}
