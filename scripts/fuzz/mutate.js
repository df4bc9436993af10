/** Golden frames, and what may become of them on the way. Everything follows from a seed. */
import { readdirSync, readFileSync } from 'node:fs';

/** A generator of numbers from 0 up to, not including, 1 (mulberry32). */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Every frame of the protocol's dialogues, as text; what a client sends comes first in `client`. */
export function goldenTexts(folder) {
  const client = [];
  const server = [];
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.json')) continue;
    const { steps } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    for (const step of steps.flatMap((entry) => entry.unordered ?? [entry])) {
      if (step.frame !== undefined)
        (step.from === 'client' ? client : server).push(JSON.stringify(step.frame, sample));
      else if (step.text !== undefined) client.push(step.text);
    }
  }
  return { client, server };
}

const NUMBERS =
  /^(?:offset|timestamp|replayed|intervalMs|timeoutMs|frameBytes|retryAfterMs|withinMs|expiresAt|afterMs|windowMs)$/;

/** What stands for a matcher of the dialogues, `$any-string` and the like. */
function sample(key, value) {
  if (typeof value !== 'string' || !value.startsWith('$')) return value;
  if (value.startsWith('$optional')) return undefined;
  const isNumber = NUMBERS.test(key) || value === '$any-integer';
  return isNumber ? 7 : 'sample';
}

/** Pieces that parsers have stumbled over. */
const PIECES = [
  '__proto__',
  '"constructor":{}',
  'null',
  '-0',
  '1e999',
  '9007199254740993',
  '\\u0000',
  '\\ud800',
  '\ud800',
  '\u0000',
  '\ufeff',
  '\u2028',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[',
  ']}',
  '{"":',
  '"type":"hello",',
  '"type":"request",',
  '"id":"1",',
  '"room":"open/a",',
  '"payload":{"a":[{}]},',
  '"offset":-1,"epoch":"e",',
  '\\',
  '"',
  ',',
  'x'.repeat(300),
  '{"a":'.repeat(40),
];

/** A text that was good once, with one to four things done to it. */
export function mutate(text, others, random) {
  let mutant = text;
  const times = 1 + Math.floor(random() ** 2 * 4);
  for (let time = 0; time < times; time += 1) mutant = mutateOnce(mutant, others, random);
  return mutant;
}

function mutateOnce(text, others, random) {
  const at = Math.floor(random() * (text.length + 1));
  const to = Math.min(text.length, at + Math.floor(random() * 12));
  const [head, middle, tail] = [text.slice(0, at), text.slice(at, to), text.slice(to)];
  switch (Math.floor(random() * 9)) {
    case 0:
      return head + tail;
    case 1:
      return head + middle + middle + tail;
    case 2:
      return head + pick(PIECES, random) + tail;
    case 3:
      return head + pick(PIECES, random) + middle + tail;
    case 4:
      return head + String.fromCharCode(Math.floor(random() * 65_536)) + tail;
    case 5:
      return head + String.fromCharCode(32 + Math.floor(random() * 95)) + tail;
    case 6:
      return head;
    case 7:
      return head + pick(others, random).slice(Math.floor(random() * 40)) + tail;
    default:
      return head + [...middle].reverse().join('') + tail;
  }
}

/** One of a list. */
export function pick(list, random) {
  return list[Math.floor(random() * list.length)];
}
