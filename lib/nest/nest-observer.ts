import { Injectable, Logger } from '@nestjs/common';

import type { Observer } from '../core/index.js';
import { errorText } from './error-text.js';

/** Writes failures to Nest's logger. What is ignored on purpose is only counted. */
@Injectable()
export class NestObserver implements Observer {
  readonly #logger = new Logger('Realtime');
  readonly #ignored = new Map<string, number>();

  /** How often each thing was ignored. */
  get ignoredCounts(): ReadonlyMap<string, number> {
    return this.#ignored;
  }

  failed(where: string, error: unknown): void {
    this.#logger.error(`${where} failed`, errorText(error));
  }

  ignored(what: Parameters<Observer['ignored']>[0]): void {
    this.#ignored.set(what, (this.#ignored.get(what) ?? 0) + 1);
  }
}
