import { MAX_HISTORY_PAGE, MAX_PRESENCE_MEMBERS } from './limits.js';
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
  unanswerableId,
  type FrameRules,
} from './validate.js';

/** Fields of a position that has to be there. */
const at = [must('epoch', anyText), must('offset', count)];

const entry = record([must('connectionId', anyText), may('info', anything)]);
// How many connections a user may have is the server's business.
const entries = list(entry);
const member = record([must('userId', anyText), must('connections', entries)]);
const members = list(member, MAX_PRESENCE_MEMBERS);

/** Fields of a message, wherever it stands. */
const message = [
  must('event', anyText),
  must('id', anyText),
  must('timestamp', count),
  may('payload', anything),
];

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
      may('snapshot', anything),
    ],
  ],
  ['unsubscribed', [may('id', id), must('room', anyText), may('reason', anyText)]],
  ['message', [may('room', anyText), ...message, may('epoch', anyText), may('offset', count)]],
  ['position', [must('room', anyText), ...at]],
  ['gap', [must('room', anyText), ...at, must('reason', anyText)]],
  ['request', [unanswerableId, must('event', anyText), may('payload', anything)]],
  ['cancel', [unanswerableId]],
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
  [
    'published',
    [must('id', id), may('epoch', anyText), may('offset', count), must('durability', anyText)],
  ],
  [
    'presence',
    [must('id', id), must('room', anyText), must('total', count), may('members', members)],
  ],
  [
    'presence-change',
    [
      must('room', anyText),
      must('total', count),
      may('joined', members),
      may('updated', members),
      may('left', list(anyText, MAX_PRESENCE_MEMBERS)),
    ],
  ],
  [
    'history',
    [
      must('id', id),
      must('room', anyText),
      ...at,
      must('messages', list(record([...message, must('offset', count)]), MAX_HISTORY_PAGE)),
      must('complete', flag),
      may('reason', anyText),
    ],
  ],
  ['authenticate', [must('withinMs', count)]],
  ['authenticated', [must('id', id), may('expiresAt', count)]],
  ['going-away', [must('afterMs', count), must('windowMs', count)]],
  ['pong', [may('id', id)]],
]);
