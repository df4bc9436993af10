import {
  MAX_CLIENT_KEY_LENGTH,
  MAX_HELLO_ROOMS,
  MAX_ID_LENGTH,
  MAX_TOKEN_LENGTH,
} from './limits.js';
import {
  anyNumber,
  anything,
  event,
  id,
  list,
  may,
  must,
  record,
  room,
  text,
  type FrameRules,
} from './validate.js';

const position = [may('epoch', text(MAX_ID_LENGTH)), may('offset', anyNumber)];

/** What a client may send. */
export const clientFrameRules: FrameRules = new Map([
  [
    'hello',
    [
      may('token', text(MAX_TOKEN_LENGTH)),
      may('clientKey', text(MAX_CLIENT_KEY_LENGTH)),
      may('rooms', list(record([must('room', room), ...position]), MAX_HELLO_ROOMS)),
    ],
  ],
  ['subscribe', [must('id', id), must('room', room), ...position]],
  ['unsubscribe', [must('id', id), must('room', room)]],
  ['publish', [may('id', id), must('room', room), must('event', event), may('payload', anything)]],
  ['request', [must('id', id), must('event', event), may('payload', anything)]],
  ['cancel', [must('id', id)]],
  ['presence', [must('id', id), must('room', room)]],
  ['authenticate', [must('id', id), must('token', text(MAX_TOKEN_LENGTH))]],
  ['ping', [may('id', id)]],
]);
