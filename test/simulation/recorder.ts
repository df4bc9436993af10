import type { Room } from '../../lib/client/index.js';
import type { HistoryPage } from '../../lib/core/index.js';
import type { Position } from '../../lib/protocol/index.js';
import type { HistoryRecord } from '../checker/history.js';

/** What a simulated message carries: its name, so that it is known wherever it turns up. */
export interface Said {
  readonly id: string;
}

/** A record before it has its time. */
export type Untimed = HistoryRecord extends infer R
  ? R extends HistoryRecord
    ? Omit<R, 't'>
    : never
  : never;

/** Takes a record down. */
export type Note = (record: Untimed) => void;

/** Failures after which it is certain that nothing was stored. */
const CERTAIN: ReadonlySet<string> = new Set(['send-buffer-full', 'invalid-payload']);

/** Writes down what publishers and subscribers see, as the checker wants to read it. */
export class Recorder {
  readonly records: HistoryRecord[] = [];
  /** What applications were told of by `reportError`: nothing should be. */
  readonly failures: unknown[] = [];
  /** How often a client asked for a room that it was in: it has seen a hole. */
  askedAgain = 0;
  /** Publishes whose outcome is not known yet. */
  open = 0;

  /** Takes a record down. */
  readonly note: Note = (record) => {
    // Moments are counted: within one millisecond of virtual time a lot happens.
    this.records.push({ ...record, t: this.records.length });
  };

  /** The SDK reported an error that nobody handles. */
  failed(error: unknown): void {
    this.failures.push(error);
  }

  /** Writes down a publish and how it ends. */
  publish(
    p: string,
    room: string,
    n: number,
    call: (payload: Said) => Promise<Position | undefined>,
  ): void {
    const id = `${p}/${String(n)}`;
    this.note({ type: 'pub.call', p, id, room, n });
    this.open += 1;
    call({ id }).then(
      (position) => {
        this.open -= 1;
        if (position === undefined) throw new Error('a stored message has a position');
        this.note({ type: 'pub.ok', p, id, room, ...position, durability: 'memory' });
      },
      (error: unknown) => {
        this.open -= 1;
        const code = (error as { readonly code?: string }).code ?? 'unknown';
        if (CERTAIN.has(code)) this.note({ type: 'pub.no', p, id, code });
        else this.note({ type: 'pub.maybe', p, id, why: code });
      },
    );
  }

  /** Writes down what a client's room tells its application. */
  follow(p: string, room: Room): void {
    const name = room.name;
    room.on('subscribed', ({ position, recovered, replayed }) => {
      const verdict = recovered === undefined ? {} : { recovered, replayed };
      const wasRecovering = recovered !== undefined;
      this.note({ type: 'sub.ok', p, room: name, ...position, wasRecovering, ...verdict });
    });
    room.on('gap', ({ position, reason }) => {
      this.note({ type: 'gap', p, room: name, ...position, reason });
    });
    room.on('unsubscribed', ({ reason }) => {
      this.note({
        type: 'sub.end',
        p,
        room: name,
        ...(reason === undefined ? {} : { code: reason }),
      });
    });
  }

  /** Listens to the messages of a client's room, and so subscribes it. Returns what ends that. */
  listen(p: string, room: Room): () => void {
    return room.on('said', (payload, { position }) => {
      if (position === undefined) throw new Error('a stored message has a position');
      const { id } = payload as Said;
      this.note({ type: 'recv', p, room: room.name, ...position, id });
    });
  }

  /** Writes down what the store holds of a room in the end. */
  final(room: string, { top, oldest, messages }: HistoryPage): void {
    const held = messages.map(({ position, payload }) => ({
      offset: position.offset,
      id: (JSON.parse(payload ?? '{}') as Said).id,
    }));
    this.note({ type: 'final', p: 'oracle', room, epoch: top.epoch, oldest, messages: held });
  }
}
