import { randomBytes } from 'node:crypto';

import type { Random } from '../core/index.js';

/** Bytes of an id: 96 random bits, 16 characters of base64url. */
const ID_BYTES = 12;

/** Randomness drawn at once; a system call an id would cost more than the id. */
const POOL_IDS = 512;

/** Ids from the operating system's secure randomness. */
export class SystemRandom implements Random {
  #pool = Buffer.alloc(0);
  #next = 0;

  fraction(): number {
    return Math.random();
  }

  id(): string {
    if (this.#next >= this.#pool.length) {
      this.#pool = randomBytes(ID_BYTES * POOL_IDS);
      this.#next = 0;
    }
    const id = this.#pool.toString('base64url', this.#next, this.#next + ID_BYTES);
    this.#next += ID_BYTES;
    return id;
  }
}
