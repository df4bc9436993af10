import type { Position } from '../../lib/index.js';
import type { FrameOf, RawClient, ServerFrame } from '../../lib/testing/index.js';
import type { RunningApp } from './nest-app.js';

/** How a reader begins. */
export interface ReaderStart {
  /** Default: ada. */
  readonly user?: string;
  /** The last position it has seen. Default: none. */
  readonly from?: Partial<Position> | undefined;
  /** Whether it wants the room's state. Default: no. */
  readonly snapshot?: boolean;
  /** Names the client instance. Default: none. */
  readonly clientKey?: string;
}

/** What comes of a room after the answer to the subscribe. */
type StreamFrame = FrameOf<'message'> | FrameOf<'position'> | FrameOf<'gap'>;

/**
 * A client in one room, on a real socket, that comes into it with its `hello`. It keeps its position as
 * the SDK does and throws as soon as an offset is not the next one, unless a `gap` has said so.
 */
export class RoomReader {
  readonly messages: FrameOf<'message'>[] = [];
  readonly gaps: FrameOf<'gap'>[] = [];
  #position: Position;

  private constructor(
    readonly client: RawClient,
    /** The answer to the subscribe. */
    readonly subscribed: FrameOf<'subscribed'>,
    from: Partial<Position> | undefined,
  ) {
    const { epoch, offset } = subscribed;
    const goesOn = subscribed.recovered === true && from?.offset !== undefined;
    this.#position = { epoch, offset: goesOn ? from.offset : offset };
  }

  static async open(app: RunningApp, room: string, start: ReaderStart = {}): Promise<RoomReader> {
    const { user = 'ada', from, snapshot, clientKey } = start;
    const client = await app.open();
    client.send({
      type: 'hello',
      token: `token-${user}`,
      ...(clientKey === undefined ? {} : { clientKey }),
      rooms: [{ room, ...from, ...(snapshot === undefined ? {} : { snapshot }) }],
    });
    await client.next('connected');
    return new RoomReader(client, await client.next('subscribed'), from);
  }

  /** The last position it has seen. */
  get position(): Position {
    return this.#position;
  }

  /** Offsets of the messages it has read. */
  get offsets(): (number | undefined)[] {
    return this.messages.map(({ offset }) => offset);
  }

  /** Payloads of the messages it has read. */
  get payloads(): unknown[] {
    return this.messages.map(({ payload }) => payload);
  }

  /** Reads that many frames of the room. */
  async read(count: number): Promise<this> {
    for (let read = 0; read < count; read += 1) this.#take(await this.client.nextFrame());
    return this;
  }

  /** Reads until it has seen this position. */
  async readUpTo({ offset }: Position): Promise<this> {
    while (this.#position.offset < offset) await this.read(1);
    return this;
  }

  /** Shows that nothing else has come. */
  async hasNothing(): Promise<void> {
    this.client.send({ type: 'ping', id: 'nothing' });
    const frame = await this.client.nextFrame();
    if (frame.type !== 'pong') throw new Error(`expected nothing, got ${JSON.stringify(frame)}`);
  }

  /** The link breaks: no goodbye. Settles when the client has noticed. */
  async breakOff(): Promise<void> {
    this.client.socket.terminate();
    await this.client.closed;
  }

  #take(frame: ServerFrame): void {
    if (!isOfStream(frame)) throw new Error(`unexpected ${JSON.stringify(frame)}`);
    const { epoch, offset } = frame;
    if (epoch !== undefined && offset !== undefined) {
      const last = this.#position;
      if (frame.type !== 'gap' && (epoch !== last.epoch || offset !== last.offset + 1)) {
        throw new Error(`expected offset ${String(last.offset + 1)}, got ${String(offset)}`);
      }
      this.#position = { epoch, offset };
    }
    if (frame.type === 'message') this.messages.push(frame);
    if (frame.type === 'gap') this.gaps.push(frame);
  }
}

function isOfStream(frame: ServerFrame): frame is StreamFrame {
  return frame.type === 'message' || frame.type === 'position' || frame.type === 'gap';
}
