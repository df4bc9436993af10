import type { FrameParser } from '../core/index.js';
import { Payload, ProtocolError, type ClientFrame } from '../protocol/index.js';
import type { FrameJob, FrameReport, TextField } from './frame-worker.js';
import { readPlanned } from './planned-value.js';

/** How large frames are read. */
export interface HeavyFrameOptions {
  /**
   * Size from which a frame is read on another thread, in bytes. Integer, at least 16 384. Default 65 536:
   * below, reading takes 2 ms at most, which is what the way to another thread takes.
   */
  readonly fromBytes: number;
  /** Threads. Integer, at least 1. Default 1. They are started by the first large frame. */
  readonly threads: number;
  /**
   * Bytes of frames that may be on their way to the threads. Integer, at least 1. Default 16 MiB; a single
   * larger frame passes. Beyond it frames wait where they are, and their connections are not read from.
   */
  readonly queueBytes: number;
  /**
   * Fields that one object in a large frame may have. Integer, at least 1. Default 10 000; a frame with
   * more is refused with `invalid-field`. Stops a peer from sending what no thread can prepare: an object
   * of 120 000 fields takes the event loop 100 ms, however its text is read.
   */
  readonly maxFields: number;
}

/** What applies where nothing else is said. */
export const DEFAULT_HEAVY_FRAMES: HeavyFrameOptions = {
  fromBytes: 65_536,
  threads: 1,
  queueBytes: 16_777_216,
  maxFields: 10_000,
};

/** The threads, as far as they are used. */
export interface Threads {
  run(job: FrameJob): Promise<FrameReport>;
  destroy(): Promise<void>;
}

/** Starts the threads. */
export type StartThreads = (threads: number) => Promise<Threads>;

/** Threads that end when nothing was to do for so long, in milliseconds. */
const IDLE_MS = 60_000;

/**
 * How much the threads stand back behind the event loop where there are fewer cores than they want
 * (`nice(2)`, which on Linux is a thread's own). Without effect where piscina lacks `@napi-rs/nice`.
 */
const NICE = 5;

/**
 * Two turns on: what came in meanwhile is read in the next one and answered at its end, behind whatever
 * was put off until then before. In the next turn a piece would be in the answers' way.
 */
const afterOthers = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

/** Starts threads with `piscina`, which has to be installed. */
export const startPiscina: StartThreads = async (threads) => {
  const { Piscina } = await import('piscina');
  return new Piscina<FrameJob, FrameReport>({
    filename: new URL('frame-worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_MS,
    niceIncrement: process.platform === 'linux' ? NICE : 0,
  });
};

/**
 * Reads large frames: on another thread it is found out whether they are good, and where in the text
 * everything stands. What comes back is small, because to copy a large value between threads takes longer
 * than to read it. The payload stays a text; who needs its value gets it made in pieces, for one
 * frame after the other, with a turn of the event loop for everybody else between two pieces.
 */
export class FramePool implements FrameParser {
  readonly fromBytes: number;
  #threads: Promise<Threads> | undefined;
  #bytes = 0;
  readonly #waiting: (() => void)[] = [];
  #reading: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly options: HeavyFrameOptions,
    private readonly start: StartThreads = startPiscina,
  ) {
    this.fromBytes = options.fromBytes;
  }

  /**
   * Gets ready: finds out that threads can be had. None is started.
   *
   * @throws (rejects) if what starts them is not installed.
   */
  async open(): Promise<void> {
    this.#threads ??= this.start(this.options.threads);
    await this.#threads;
  }

  async parse(text: string): Promise<ClientFrame<Payload> | ProtocolError> {
    const { length } = text;
    while (this.#bytes > 0 && this.#bytes + length > this.options.queueBytes) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#bytes += length;
    try {
      this.#threads ??= this.start(this.options.threads);
      const threads = await this.#threads;
      // To receive it took a millisecond or two, to copy it for the thread takes as long again.
      await afterOthers();
      const report = await threads.run({ text, maxFields: this.options.maxFields });
      return await this.#frameOf(text, report);
    } finally {
      this.#bytes -= length;
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    const threads = await this.#threads;
    this.#threads = undefined;
    await threads?.destroy();
  }

  async #frameOf(text: string, report: FrameReport): Promise<ClientFrame<Payload> | ProtocolError> {
    if ('error' in report) {
      const { code, message, id } = report.error;
      return new ProtocolError(code, message, id);
    }
    const frame: Record<string, unknown> = { ...report.frame };
    for (const field of report.fields) {
      const { name, start, end } = field;
      const load = (): Promise<unknown> => this.#load(text, field);
      if (name !== 'payload') frame[name] = await load();
      else {
        const payload = Payload.later(text.slice(start, end), load);
        // What is passed on needs no value; who checks it loads it.
        if (frame['type'] !== 'publish') await payload.load();
        frame[name] = payload;
      }
    }
    return frame as unknown as ClientFrame<Payload>;
  }

  /** One value at a time: the pieces of several in one turn would add up. */
  #load(text: string, { plan }: TextField): Promise<unknown> {
    const value = this.#reading.then(() => readPlanned(text, plan, afterOthers));
    this.#reading = value.catch(() => undefined);
    return value;
  }
}
