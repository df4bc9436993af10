import { MAX_ROOM_BYTES } from './limits.js';

const ROOM_NAME = /^[\w.~@:-]+(?:\/[\w.~@:-]+)*$/;

/**
 * Whether a string may name a room: segments of `A-Z a-z 0-9 . _ ~ @ : -` joined by `/`, none empty,
 * at most {@link MAX_ROOM_BYTES} bytes. The grammar is ASCII on purpose: no two names look alike
 * under Unicode normalisation, and none can break a key, a log line or a pattern.
 */
export function isRoomName(name: string): boolean {
  return name.length <= MAX_ROOM_BYTES && ROOM_NAME.test(name);
}

/** The grammar in words, for error messages. Not made from {@link MAX_ROOM_BYTES}, so that no bundle keeps it in vain. */
export const ROOM_NAME_RULE =
  'a room name (segments of A-Z a-z 0-9 . _ ~ @ : - joined by "/", at most 200 bytes)';
