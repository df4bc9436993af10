// @ts-check
/** The realtime part: everything that this page asks of the SDK. */
import { CloseCode, RealtimeClient } from 'nestjs-realtime/client';

import { session } from './session.js';

/** @import { ChatContract, ChatRoom } from '../src/chat.contract.js' */
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
    // The first handler subscribes; after a broken connection the client does so by itself.
    room.on('chat.message', (message, { timestamp }) => {
      view.addMessage(name, message, timestamp, message.from.id === client.user?.id);
    });
    // The one honest signal that messages may be missing here.
    room.on('gap', () => {
      view.addNote(name, 'You were away for a moment. Messages may be missing here.');
    });
  }

  view.onSend((room, text) => client.request('chat.send', { room, text }));
  view.onSignOut(() => {
    client.close();
    onEnd();
  });
}
