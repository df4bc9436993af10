import type { ErrorFrame, HelloRoom, Position } from '../protocol/index.js';
import { ClientPresence } from './client-presence.js';
import { Emitter } from './emitter.js';
import type { RealtimeClientError } from './errors.js';
import { messageInfo, type MessageArguments } from './message-info.js';
import type { CallOptions } from './call-options.js';
import type { Question } from './calls.js';
import type { RoomFrame, RoomHost } from './room-host.js';
import type {
  HistoryPage,
  HistoryQuery,
  PastMessage,
  PublishReceipt,
  Room,
  RoomLifecycle,
  RoomState,
} from './room.js';
import { Subscription } from './subscription.js';

const LIFECYCLE: readonly string[] = [
  'gap',
  'recovered',
  'reset',
  'subscribing',
  'subscribed',
  'unsubscribed',
  'error',
] satisfies (keyof RoomLifecycle)[];

/** One room, as the application has it: who listens to what, and what is asked about it. */
export class ClientRoom implements Room {
  readonly name: string;
  readonly presence: ClientPresence;
  readonly #host: RoomHost;
  readonly #lifecycle: Emitter<RoomLifecycle>;
  readonly #messages: Emitter<Record<string, MessageArguments>>;
  readonly #subscription: Subscription;

  constructor(name: string, host: RoomHost) {
    const { reportError } = host.settings.environment;
    this.name = name;
    this.#host = host;
    this.#lifecycle = new Emitter(reportError);
    this.#messages = new Emitter(reportError);
    this.presence = new ClientPresence(host, {
      name,
      want: () => {
        this.#subscription.want();
      },
      release: () => {
        this.#release();
      },
      raise: (error) => {
        if (!this.#lifecycle.emit('error', error)) host.raise(error);
      },
    });
    this.#subscription = new Subscription(host, {
      name,
      presence: this.presence,
      lifecycle: this.#lifecycle,
      deliver: (frame) => {
        this.#messages.emit(frame.event, frame.payload, messageInfo(frame));
      },
    });
  }

  get state(): RoomState {
    return this.#subscription.state;
  }

  get position(): Position | undefined {
    return this.#subscription.position;
  }

  on(event: string, handler: (...args: never) => unknown): () => void {
    if (LIFECYCLE.includes(event)) {
      const off = this.#lifecycle.on(
        event as keyof RoomLifecycle,
        handler as (...args: RoomLifecycle[keyof RoomLifecycle]) => unknown,
      );
      return event === 'reset' ? this.#listen(off, true) : off;
    }
    return this.#listen(
      this.#messages.on(event, handler as (...args: MessageArguments) => unknown),
    );
  }

  subscribe(): Promise<void> {
    return this.#subscription.hold();
  }

  unsubscribe(): void {
    this.#subscription.leave();
  }

  async publish(event: string, payload?: unknown, options?: CallOptions): Promise<PublishReceipt> {
    const question = { type: 'publish', room: this.name, event, payload } as const;
    const { epoch, offset, durability } = await this.#host.calls.ask(
      question,
      'published',
      options,
    );
    if (epoch === undefined || offset === undefined) return { durability };
    return { epoch, offset, durability };
  }

  async history(query: HistoryQuery = {}): Promise<HistoryPage> {
    const { before, after, limit } = query;
    const direction = before ? 'backwards' : after ? 'forwards' : query.direction;
    const { epoch, offset } = before ?? after ?? {};
    const question = { type: 'history', room: this.name, direction, limit, epoch, offset };
    const page = await this.#host.calls.ask(question as Question, 'history', query);
    const { complete, reason } = page;
    const place = { room: this.name, epoch: page.epoch };
    return {
      messages: page.messages.map((message): PastMessage => ({
        ...messageInfo({ ...message, ...place }),
        payload: message.payload,
      })),
      position: { epoch: page.epoch, offset: page.offset },
      complete,
      reason,
    };
  }

  /** The room's part of a hello, if it is wanted. */
  hello(): HelloRoom | undefined {
    return this.#subscription.hello();
  }

  /** Frames may be sent. */
  connected(): void {
    this.#subscription.connected();
  }

  /** The connection is gone, and the server's knowledge of us with it. */
  lost(): void {
    this.#subscription.lost();
  }

  /** The client closed for good. */
  close(error: RealtimeClientError): void {
    this.#subscription.close(error);
  }

  receive(frame: RoomFrame): void {
    if (frame.type === 'presence' || frame.type === 'presence-change') this.presence.receive(frame);
    else this.#subscription.receive(frame);
  }

  /** Takes an error frame, if it answers a question of this room. */
  refuse(frame: ErrorFrame): boolean {
    return this.#subscription.refuse(frame) || this.presence.refuse(frame);
  }

  /** A listener was added, which is a wish to be in the room. Returns what removes it. */
  #listen(off: () => void, needsState = false): () => void {
    this.#subscription.want(needsState);
    return () => {
      off();
      // Not at once: a component that is replaced takes its handler away just before the next one adds its own.
      queueMicrotask(() => {
        this.#release();
      });
    };
  }

  #release(): void {
    const isHeard = this.#messages.size + this.presence.size > 0 || this.#lifecycle.has('reset');
    if (!isHeard) this.#subscription.release();
  }
}
