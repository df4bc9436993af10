/** What a bundle holds at most, in bytes; a larger message goes by itself. */
export const BUNDLE_BYTES = 65_536;

/** Counted for each message besides its bytes: as much as any transport may put around it. */
const FRAME_BYTES = 16;

/**
 * Messages that many peers are sent one behind the other, put together once instead of once for each of
 * them. Whoever takes a bundle while it is open also sends what is added later, as if each message had
 * been sent when it was added.
 *
 * So that nothing changes its place, a peer's link closes the bundle, for everyone, before it sends
 * anything behind it and when it writes it out.
 */
export class MessageBundle {
  readonly messages: Uint8Array[] = [];
  /** What a transport has made of the messages, once it is closed: the same for all links of its kind. */
  wire: Uint8Array | undefined;
  #bytes = 0;
  #isOpen = true;

  /** At least the bytes that its messages have on the wire, whatever carries them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message. Returns false if it is closed, or has no room for one of this size. */
  add(message: Uint8Array): boolean {
    const bytes = this.#bytes + message.byteLength + FRAME_BYTES;
    if (!this.#isOpen || bytes > BUNDLE_BYTES) return false;
    this.messages.push(message);
    this.#bytes = bytes;
    return true;
  }

  /** Takes no more. */
  close(): void {
    this.#isOpen = false;
  }

  /** Forgets everything: every link has written it. */
  release(): void {
    this.#isOpen = false;
    this.messages.length = 0;
    this.wire = undefined;
  }
}
