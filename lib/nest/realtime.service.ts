import { Inject, Injectable } from '@nestjs/common';

import { RealtimeError, RealtimeNode } from '../core/index.js';
import { ErrorCode } from '../protocol/index.js';
import type { ResolvedRealtimeOptions } from './options/realtime-options.interface.js';
import { RealtimeAdapter } from './realtime.adapter.js';
import { REALTIME_OPTIONS } from './realtime.tokens.js';

/** The operator's hand on this process: inject it anywhere. */
@Injectable()
export class RealtimeService {
  /** @internal */
  constructor(
    private readonly node: RealtimeNode,
    private readonly adapter: RealtimeAdapter,
    @Inject(REALTIME_OPTIONS) private readonly options: ResolvedRealtimeOptions,
  ) {}

  /** Whether this process has begun to {@link drain}. From then on no load balancer should choose it. */
  get isDraining(): boolean {
    return this.node.isDraining;
  }

  /**
   * Empties this process, as its shutdown does, and leaves it running: new connections are refused with
   * 503 and `Retry-After`, clients are told `going-away`, requests that are being answered are waited
   * for, and whoever is left after `shutdown.drainMs` is closed with 1001. Cannot be taken back. Settles
   * when nobody is connected any more; repeated, with the first call.
   */
  async drain(): Promise<void> {
    this.adapter.stopAccepting();
    await this.node.drain(this.options.shutdown);
  }

  /**
   * Asks a random part of this process's clients to connect anew, and goes on to accept connections:
   * after nodes were added, so that they get their share. Clients of the SDK move without a break, the
   * others are closed with 1001 one after another. Settles when all of them have gone, at the latest
   * after `shutdown.drainMs`.
   *
   * @param fraction from 0 (nobody) to 1 (everybody). With 4 nodes where there were 3: 0.25 on each of the 3.
   * @returns how many were asked.
   * @throws RealtimeError `invalid-field` for a fraction that is none.
   */
  async rebalance(fraction: number): Promise<number> {
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new RealtimeError(ErrorCode.InvalidField, 'fraction: expected a number from 0 to 1');
    }
    return this.node.rebalance(fraction, this.options.shutdown);
  }
}
