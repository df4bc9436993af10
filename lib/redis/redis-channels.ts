/** Where the messages of one channel go. No method throws. */
export interface ChannelListener {
  /** A message. */
  message(text: string): void;
  /**
   * Messages of the channel may have been lost: the connection was made anew, and the channel is
   * subscribed again now.
   */
  missed(): void;
}

/** The way that the messages of some channels take to this node: its commands and one connection that listens. */
export interface ChannelLine {
  /** Whether messages come in time, as far as is known. */
  readonly isSound: boolean;
  /** When it was not sound the last time: milliseconds since 1970. */
  readonly lostAt: number;
}

/** Pub/sub of one node, over as few connections as it takes. */
export interface RedisChannels {
  /**
   * Listens to a channel; resolves when the server has confirmed it. Every message that is published
   * after that reaches the listener, or `missed` is called. A channel has one listener: a second call
   * puts another in its place.
   *
   * @throws RealtimeError `unavailable` when the server does not confirm it in time.
   */
  subscribe(channel: string, listener: ChannelListener): Promise<void>;
  /** Listens no longer. The listener is not called any more once this was called. Never rejects. */
  unsubscribe(channel: string): Promise<void>;
}
