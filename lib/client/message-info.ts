import type { MessageFrame, Position } from '../protocol/index.js';
import type { MessageInfo } from './room.js';

/** Payload and circumstances of a message, as handlers get them. */
export type MessageArguments = [payload: unknown, message: MessageInfo];

/** The position, unless a part of it is missing. */
export const positionOf = ({
  epoch,
  offset,
}: { readonly [K in keyof Position]?: Position[K] | undefined }): Position | undefined =>
  epoch === undefined || offset === undefined ? undefined : { epoch, offset };

/** What is known of a message besides its payload. */
export function messageInfo(frame: Omit<MessageFrame, 'type'>): MessageInfo {
  const { id, event, timestamp, room } = frame;
  return { id, event, timestamp, room, position: positionOf(frame) };
}
