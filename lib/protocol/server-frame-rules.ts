/**
 * What a server may send, one text for each type of frame: this is part of every page that has a
 * client, and a table of texts is a third of the size of one of checks.
 *
 * A rule is a letter, `?` for a field that may be absent and `.` for one that may not, and the
 * field's name. The letters:
 *
 * - `*` anything, `b` true or false, `n` an integer from 0 to 2^53-1
 * - `s` a text, `i` an id (a text of 1 to 64 characters), `S` a list of texts
 * - others: an object that obeys {@link serverFrameParts}, or, in capitals, a list of such objects
 */
export const serverFrameRules: ReadonlyMap<string, string> = new Map([
  ['connected', 's.connectionId u.user h.heartbeat l.limits'],
  ['subscribed', 'i?id s.room s.epoch n.offset b?recovered n?replayed s?reason *?snapshot'],
  ['unsubscribed', 'i?id s.room s?reason'],
  ['message', 's?room s.event s.id n.timestamp *?payload s?epoch n?offset'],
  ['position', 's.room s.epoch n.offset'],
  ['gap', 's.room s.epoch n.offset s.reason'],
  ['skipped', 's.room n.count'],
  ['delayed', 'b.delayed S?rooms'],
  ['request', 'i.id s.event *?payload'],
  ['cancel', 'i.id'],
  ['response', 'i.id *?payload'],
  ['next', 'i.id *?payload'],
  ['complete', 'i.id'],
  ['error', 'i?id s.code s.message b.retryable n?retryAfterMs *?details'],
  ['published', 'i.id s?epoch n?offset s.durability'],
  ['presence', 'i.id s.room n.total M?members'],
  ['presence-change', 's.room n.total M?joined M?updated S?left'],
  ['history', 'i.id s.room s.epoch n.offset P.messages b.complete s?reason'],
  ['authenticate', 'n.withinMs'],
  ['authenticated', 'i.id n?expiresAt'],
  ['going-away', 'n.afterMs n.windowMs b?served'],
  ['pong', 'i?id'],
]);

/** Parts of frames, by their letter. */
export const serverFrameParts: Readonly<Record<string, string>> = {
  u: 's.id',
  h: 'n.intervalMs n.timeoutMs',
  l: 'n.frameBytes n.rooms',
  M: 's.userId C.connections',
  C: 's.connectionId *?info',
  P: 's.event s.id n.timestamp *?payload n.offset',
};
