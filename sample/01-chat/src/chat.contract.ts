/** What server and page agree on. Types only; the page's client checks its calls against them. */
export interface ChatContract {
  requests: {
    'chat.send': { payload: { room: string; text: string }; response: SentMessage };
  };
  rooms: {
    'chat/:room': { events: { 'chat.message': ChatMessage }; snapshot: ChatState };
  };
}

/** A message, as everyone in the room gets it. Its time comes with it, from the server. */
export interface ChatMessage {
  readonly text: string;
  readonly from: ChatUser;
}

/** What was said in a room lately, oldest first. */
export interface ChatState {
  readonly lines: readonly ChatLine[];
}

/** A message and what is known of it: what the room's stream tells beside each message. */
export interface ChatLine {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly message: ChatMessage;
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
