import type { Environment } from './environment.js';

/** Who this client is to the server, and the numbers that only rise. */
export interface ClientIdentity {
  /** 128 random bits in hexadecimal. */
  readonly clientKey: string;
  /** How many connections it has tried to make. */
  attempt: number;
  /** The last id it gave to a frame. */
  lastId: number;
}

/** A client that nobody has seen before. */
export const newIdentity = ({ randomKey }: Pick<Environment, 'randomKey'>): ClientIdentity => ({
  clientKey: randomKey(),
  attempt: 0,
  lastId: 0,
});
