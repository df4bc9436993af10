// @ts-check
/** The realtime part: everything that this page asks of the SDK. */
import { CloseCode, RealtimeClient } from 'nestjs-realtime/client';

import { session } from './session.js';

/** @import { PresenceMember } from 'nestjs-realtime/client' */
/** @import { ChatContract, ChatLine, ChatRoom } from '../src/chat.contract.js' */
/** @import { ChatView } from './chat-view.js' */

/**
 * @param {ChatRoom[]} rooms
 * @param {ChatView} view
 * @param {() => void} onEnd called when the session is over.
 */
export function startChat(rooms, view, onEnd) {
  const url = new URL('/realtime', location.href.replace(/^http/, 'ws'));
  /** @type {RealtimeClient<ChatContract>} */
  const client = new RealtimeClient(url, { token: () => session.token() });

  client.on('state', (change) => {
    view.showConnection(change);
    // The server does not know our token: the next attempt asks for a new one.
    if (change.code === CloseCode.Unauthorized) session.expire();
    if (change.state === 'closed' && change.reason === 'unauthorized') onEnd();
  });
  // What no call is told about, such as a sign-in that found no server. The state shows it already.
  client.on('error', (error) => {
    console.warn(error.code, error.message);
  });

  for (const { name } of rooms) {
    const room = client.room(`chat/${name}`);
    /** @param {ChatLine} line */
    const isOwn = ({ message }) => message.from.id === client.user?.id;
    // The first handler subscribes; after a broken connection the client does so by itself, and gets
    // what it missed.
    room.on('chat.message', (message, { id, timestamp }) => {
      const line = { id, timestamp, message };
      view.addLine(name, line, isOwn(line), true);
    });
    // The room as it is: at first, and when messages were missed that nobody has any more.
    room.on('reset', ({ lines }, { reason }) => {
      if (reason !== undefined) {
        view.addNote(name, 'You were away for a moment. Messages may be missing here.');
      }
      for (const line of lines) view.addLine(name, line, isOwn(line), reason !== undefined);
    });
    room.presence.watch(({ members }) => {
      view.showMembers(name, [...(members?.values() ?? [])].map(nameOf));
    });
  }

  view.onSend((room, text) => client.request('chat.send', { room, text }));
  view.onSignOut(() => {
    client.close();
    onEnd();
  });
}

/**
 * What the room class tells of a member, see `presenceInfo`.
 *
 * @param {PresenceMember} member
 */
function nameOf({ connections: [first] }) {
  return /** @type {{ name?: string } | undefined} */ (first?.info)?.name ?? 'Somebody';
}
