import type { MessageFrame } from '../protocol/index.js';
import type { CallOptions } from './call-options.js';
import { Emitter } from './emitter.js';
import { messageInfo, positionOf, type MessageArguments } from './message-info.js';
import type { RoomHost } from './room-host.js';
import type { PublishReceipt, Room, RoomLifecycle } from './room.js';
import { Subscription } from './subscription.js';

const LIFECYCLE: readonly string[] = [
  'gap',
  'recovered',
  'reset',
  'skipped',
  'subscribing',
  'subscribed',
  'unsubscribed',
  'error',
] satisfies (keyof RoomLifecycle)[];

/** One room, as the application has it: who listens to what, and what is asked about it. */
export class ClientRoom extends Subscription implements Room {
  readonly #messages: Emitter<Record<string, MessageArguments>>;

  constructor(name: string, host: RoomHost) {
    super(name, host);
    this.#messages = new Emitter(host.settings.environment.reportError);
  }

  on(event: string, handler: (...args: never) => unknown): () => void {
    if (LIFECYCLE.includes(event)) {
      const off = this.lifecycle.on(
        event as keyof RoomLifecycle,
        handler as (...args: RoomLifecycle[keyof RoomLifecycle]) => unknown,
      );
      return event === 'reset' ? this.#listen(off, true) : off;
    }
    return this.#listen(
      this.#messages.on(event, handler as (...args: MessageArguments) => unknown),
    );
  }

  async publish(event: string, payload?: unknown, options?: CallOptions): Promise<PublishReceipt> {
    const question = { type: 'publish', room: this.name, event, payload } as const;
    const receipt = await this.host.calls.ask(question, 'published', options);
    return { ...positionOf(receipt), durability: receipt.durability };
  }

  deliver(frame: MessageFrame): void {
    this.#messages.emit(frame.event, frame.payload, messageInfo(frame));
  }

  release(): void {
    const isHeard = this.#messages.size + this.presence.size > 0 || this.lifecycle.has('reset');
    if (!isHeard) this.abandon();
  }

  /** A listener was added, which is a wish to be in the room. Returns what removes it. */
  #listen(off: () => void, needsState = false): () => void {
    this.want(needsState);
    return () => {
      off();
      // Not at once: a component that is replaced takes its handler away just before the next one adds its own.
      queueMicrotask(() => {
        this.release();
      });
    };
  }
}
