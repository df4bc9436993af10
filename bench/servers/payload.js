/** Bytes of every payload as JSON, the same for all servers. */
export const PAYLOAD_BYTES = 128;

/**
 * A payload of {@link PAYLOAD_BYTES} with the time of its making, in microseconds of the clock that all
 * processes of a machine share.
 */
export function payloadNow(sequence) {
  const payload = { sentAt: microseconds(), sequence, text: '' };
  payload.text = FILLING.slice(0, PAYLOAD_BYTES - JSON.stringify(payload).length);
  return payload;
}

/** Microseconds of the monotonic clock. */
export function microseconds() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}

const FILLING = 'The quick brown fox jumps over the lazy dog. '.repeat(3);
