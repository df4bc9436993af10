import { MAX_PRESENCE_MEMBERS } from './limits.js';
import {
  anyText,
  anything,
  count,
  flag,
  id,
  list,
  may,
  must,
  record,
  type FrameRules,
} from './validate.js';

/** Fields of a position that has to be there. */
const at = [must('epoch', anyText), must('offset', count)];

const member = record([must('userId', anyText), must('connections', count)]);
const members = list(member, MAX_PRESENCE_MEMBERS);

/** What a server may send. */
export const serverFrameRules: FrameRules = new Map([
  [
    'connected',
    [
      must('connectionId', anyText),
      must('user', record([must('id', anyText)])),
      must('heartbeat', record([must('intervalMs', count), must('timeoutMs', count)])),
      must('limits', record([must('frameBytes', count), must('rooms', count)])),
    ],
  ],
  [
    'subscribed',
    [
      may('id', id),
      must('room', anyText),
      ...at,
      may('recovered', flag),
      may('replayed', count),
      may('reason', anyText),
    ],
  ],
  ['unsubscribed', [may('id', id), must('room', anyText), may('reason', anyText)]],
  [
    'message',
    [
      may('room', anyText),
      must('event', anyText),
      must('id', anyText),
      must('timestamp', count),
      may('epoch', anyText),
      may('offset', count),
      may('payload', anything),
    ],
  ],
  ['position', [must('room', anyText), ...at]],
  ['gap', [must('room', anyText), ...at, must('reason', anyText)]],
  ['response', [must('id', id), may('payload', anything)]],
  ['next', [must('id', id), may('payload', anything)]],
  ['complete', [must('id', id)]],
  [
    'error',
    [
      may('id', id),
      must('code', anyText),
      must('message', anyText),
      must('retryable', flag),
      may('retryAfterMs', count),
      may('details', anything),
    ],
  ],
  ['published', [must('id', id), ...at, must('durability', anyText)]],
  [
    'presence',
    [must('id', id), must('room', anyText), must('total', count), must('members', members)],
  ],
  ['authenticate', [must('withinMs', count)]],
  ['authenticated', [must('id', id), may('expiresAt', count)]],
  ['going-away', [must('afterMs', count), must('windowMs', count)]],
  ['pong', [may('id', id)]],
]);
