/** What server and page agree on. Types only; the page's client checks its calls against them. */
export interface ChatContract {
  requests: {
    'chat.send': { payload: { room: string; text: string }; response: SentMessage };
  };
  rooms: {
    'chat/:room': { events: { 'chat.message': ChatMessage } };
  };
}

/** A message, as everyone in the room gets it. Its time comes with it, from the server. */
export interface ChatMessage {
  readonly text: string;
  readonly from: ChatUser;
}

/** The answer to `chat.send`: the message's own id, by which the room knows it. */
export interface SentMessage {
  readonly id: string;
}

export interface ChatUser {
  readonly id: string;
  readonly name: string;
}

export interface ChatRoom {
  readonly name: string;
  readonly topic: string;
}
