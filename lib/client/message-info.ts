import type { MessageFrame } from '../protocol/index.js';
import type { MessageInfo } from './room.js';

/** Payload and circumstances of a message, as handlers get them. */
export type MessageArguments = [payload: unknown, message: MessageInfo];

/** What is known of a message besides its payload. */
export function messageInfo(frame: Omit<MessageFrame, 'type'>): MessageInfo {
  const { id, event, timestamp, room, epoch, offset } = frame;
  const position = epoch === undefined || offset === undefined ? undefined : { epoch, offset };
  return { id, event, timestamp, room, position };
}
