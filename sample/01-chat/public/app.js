// @ts-check
/** The page: signs in, then chats. */
import { startChat } from './chat.js';
import { ChatView } from './chat-view.js';
import { session } from './session.js';
import { showSignIn } from './sign-in-view.js';

/** @import { ChatRoom } from '../src/chat.contract.js' */

if (session.name === undefined) {
  await showSignIn((name) => session.signIn(name));
}
const response = await fetch('/rooms');
/** @type {ChatRoom[]} */
const rooms = await response.json();

const view = new ChatView(rooms, session.name ?? '');
startChat(rooms, view, () => {
  session.end();
  location.reload();
});
