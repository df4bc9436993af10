/** Throws mutated frames at the decoders of both sides and looks at what comes back, and when. */
import { mutate, pick } from './mutate.js';

/** Longest a frame of this size may take, in milliseconds. */
const SLOW_MS = 5;

/**
 * @returns how many frames were decoded, what was thrown, and what was slow every time it was tried.
 */
export function fuzzDecoders({ protocol, golden, count, random, progress }) {
  const { decodeClientFrame, decodeServerFrame } = protocol;
  const texts = [...golden.client, ...golden.server];
  const encoder = new TextEncoder();
  const result = { frames: 0, accepted: 0, thrown: [], slow: [], outliers: 0, slowestMs: 0 };
  // The first calls are the compiler's, not the decoder's.
  for (let run = 0; run < 5_000; run += 1) {
    for (const decode of [decodeClientFrame, decodeServerFrame]) decode(pick(texts, random));
  }
  for (let frame = 0; frame < count; frame += 1) {
    const [decode, own] =
      frame % 2 === 0 ? [decodeClientFrame, golden.client] : [decodeServerFrame, golden.server];
    // Now and then what the other side sends.
    const mutant = mutate(pick(random() < 0.9 ? own : texts, random), texts, random);
    // One in fifty as a binary message.
    const input = frame % 50 === 49 ? encoder.encode(mutant) : mutant;
    try {
      const ms = timed(() => {
        if (!isProtocolError(decode(input))) result.accepted += 1;
      });
      if (ms > SLOW_MS) judge(decode, input, ms, result);
      else result.slowestMs = Math.max(result.slowestMs, ms);
    } catch (error) {
      result.thrown.push({ input: String(input).slice(0, 200), error: String(error) });
    }
    result.frames += 1;
    if (result.frames % (count / 10) === 0) progress(result.frames, count);
  }
  return result;
}

/** Slow once may be the garbage collector or a neighbour; slow four times is the decoder. */
function judge(decode, input, ms, result) {
  result.outliers += 1;
  const again = [1, 2, 3].map(() => timed(() => decode(input)));
  const fastest = Math.min(ms, ...again);
  if (fastest > SLOW_MS) result.slow.push({ input: String(input).slice(0, 200), fastest });
  result.slowestMs = Math.max(result.slowestMs, fastest);
}

function timed(work) {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function isProtocolError(value) {
  return 'fatal' in value;
}
