import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

import type { FrameParser } from '../../core/index.js';
import { FramePool } from '../../transport/index.js';
import type { ResolvedRealtimeOptions } from '../options/realtime-options.interface.js';
import { REALTIME_OPTIONS } from '../realtime.tokens.js';

/** The threads that read large frames, if the option `heavyFrames` wants them. */
@Injectable()
export class LargeFrames implements OnModuleInit, OnApplicationShutdown {
  readonly #pool: FramePool | undefined;

  constructor(@Inject(REALTIME_OPTIONS) { heavyFrames }: ResolvedRealtimeOptions) {
    this.#pool = heavyFrames === undefined ? undefined : new FramePool(heavyFrames);
  }

  /** Reads large frames; `undefined`: they are read like all others. */
  get parser(): FrameParser | undefined {
    return this.#pool;
  }

  /** The application does not start without what it was told to use. */
  async onModuleInit(): Promise<void> {
    await this.#pool?.open();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#pool?.close();
  }
}
