import type { Connection } from './connection.js';
import type { Fence } from './fence.js';
import type { Hub } from './hub.js';
import type { ControlCommand, Publication } from './ports/index.js';
import { encodeMessage } from './room-message.js';
import type { Sessions } from './sessions.js';

/** What a node's commands act upon. */
export interface Controlled {
  readonly hub: Hub;
  readonly sessions: Sessions;
  readonly fence: Fence;
}

/** Carries out a command from the broker on this node's own connections. */
export function obey(command: ControlCommand, { hub, sessions, fence }: Controlled): void {
  switch (command.kind) {
    case 'to-user':
      send(hub.ofUser(command.userId), command.publication);
      return;
    case 'to-all':
      send(hub.connections, command.publication);
      return;
    case 'revoke':
      sessions.revoke(command.rule);
      return;
    case 'reauthorize':
      void sessions.reauthorize(command.userId);
      return;
    case 'disconnect':
      for (const connection of find(hub, command.target)) {
        connection.close(command.code, command.reason);
      }
      return;
    case 'replace':
      fence.replace(command);
  }
}

/** Sends to those who are known by now. Encoded once, however many they are. */
function send(receivers: Iterable<Connection>, publication: Publication): void {
  const message = encodeMessage(undefined, publication);
  for (const { outbox, user } of receivers) {
    if (user !== undefined) outbox.sendEncoded(message, message.length);
  }
}

function find(hub: Hub, target: { connectionId: string } | { userId: string }): Connection[] {
  if ('userId' in target) return [...hub.ofUser(target.userId)];
  return [hub.get(target.connectionId) ?? []].flat();
}
