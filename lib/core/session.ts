import type { Authentication } from './ports.js';

/** An authenticated connection: who is behind it, by which credentials, until when. */
export interface Session extends Authentication {
  /** The id of its connection. */
  readonly id: string;
  /** When it began; milliseconds since 1970. */
  readonly since: number;
}
