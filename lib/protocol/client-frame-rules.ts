import {
  MAX_CLIENT_KEY_LENGTH,
  MAX_CODE_LENGTH,
  MAX_CREDIT,
  MAX_HELLO_ROOMS,
  MAX_HISTORY_PAGE,
  MAX_ID_LENGTH,
  MAX_MESSAGE_LENGTH,
  MAX_TOKEN_LENGTH,
} from './limits.js';
import {
  anyNumber,
  anything,
  count,
  event,
  flag,
  integer,
  id,
  list,
  may,
  must,
  oneOf,
  record,
  room,
  shortText,
  text,
  unanswerableId,
  type FrameRules,
} from './validate.js';

const position = [may('epoch', text(MAX_ID_LENGTH)), may('offset', anyNumber)];

const credit = integer(1, MAX_CREDIT);

/** What a client may send. */
export const clientFrameRules: FrameRules = new Map([
  [
    'hello',
    [
      may('token', text(MAX_TOKEN_LENGTH)),
      may('clientKey', text(MAX_CLIENT_KEY_LENGTH)),
      may('attempt', count),
      may(
        'rooms',
        list(record([must('room', room), ...position, may('snapshot', flag)]), MAX_HELLO_ROOMS),
      ),
    ],
  ],
  ['subscribe', [must('id', id), must('room', room), ...position, may('snapshot', flag)]],
  ['unsubscribe', [must('id', id), must('room', room)]],
  ['publish', [may('id', id), must('room', room), must('event', event), may('payload', anything)]],
  [
    'request',
    [
      must('id', id),
      must('event', event),
      may('payload', anything),
      may('retry', flag),
      may('credit', credit),
    ],
  ],
  ['cancel', [unanswerableId]],
  ['credit', [unanswerableId, must('count', credit)]],
  ['response', [unanswerableId, may('payload', anything)]],
  [
    'error',
    [
      unanswerableId,
      must('code', text(MAX_CODE_LENGTH)),
      must('message', shortText(MAX_MESSAGE_LENGTH)),
    ],
  ],
  [
    'presence',
    [
      must('id', id),
      must('room', room),
      may('action', oneOf('get', 'watch', 'unwatch', 'update')),
      may('info', anything),
    ],
  ],
  [
    'history',
    [
      must('id', id),
      must('room', room),
      ...position,
      may('direction', oneOf('forwards', 'backwards')),
      may('limit', integer(1, MAX_HISTORY_PAGE)),
    ],
  ],
  ['authenticate', [must('id', id), must('token', text(MAX_TOKEN_LENGTH))]],
  ['ping', [may('id', id)]],
]);
