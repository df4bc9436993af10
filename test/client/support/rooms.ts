import type { Room } from '../../../lib/client/index.js';
import type { ErrorFrame, SubscribedFrame } from '../../../lib/protocol/index.js';
import { World } from './world.js';

export const NAME = 'chat/general';

export function subscribed(offset: number, more: Partial<SubscribedFrame> = {}): SubscribedFrame {
  return { type: 'subscribed', room: NAME, epoch: 'e1', offset, ...more };
}

export function refusal(id: string, code: string, retryAfterMs?: number): ErrorFrame {
  const retryable = retryAfterMs !== undefined;
  const frame: ErrorFrame = { type: 'error', id, code, message: 'No.', retryable };
  return retryAfterMs === undefined ? frame : { ...frame, retryAfterMs };
}

/** Everything a room tells, in order. */
export function record(room: Room): unknown[] {
  const log: unknown[] = [];
  room.on('gap', ({ reason, position }) => log.push(`gap ${reason} ${String(position.offset)}`));
  room.on('recovered', ({ position, replayed }) =>
    log.push(`recovered ${String(position.offset)}+${String(replayed)}`),
  );
  room.on('subscribing', () => log.push('subscribing'));
  room.on('subscribed', ({ recovered }) => log.push(`subscribed ${String(recovered)}`));
  room.on('unsubscribed', ({ reason }) => log.push(`unsubscribed ${String(reason)}`));
  room.on('error', ({ code }) => log.push(`error ${code}`));
  room.on('chat.message', (payload) => log.push(payload));
  return log;
}

/** A room that is subscribed at offset 3. */
export async function subscribedRoom(): Promise<{ world: World; room: Room; log: unknown[] }> {
  const world = new World();
  const room = world.client.room(NAME);
  const log = record(room);
  await world.accept();
  world.socket.receive(subscribed(3));
  return { world, room, log };
}
