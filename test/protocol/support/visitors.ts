/** Clients besides the one of a dialogue: they come into rooms, tell something about themselves and go. */
import { once } from 'node:events';

import { RawClient } from '../../../lib/testing/index.js';

/** One of them, as a dialogue names it. */
export interface Visit {
  readonly device: string;
  readonly token: string;
  readonly room: string;
  readonly clientKey?: string;
  readonly attempt?: number;
}

/** Those that are connected to one server. */
export class Visitors {
  readonly #clients = new Map<string, RawClient>();
  /** Settles when the server has noticed that a connection has ended. */
  #noticed: () => void = () => undefined;
  /** Where the server is; known once it listens. */
  url = '';

  /** Has one come into a room; settles when it is there. */
  async visit({ device, token, room, clientKey = device, attempt }: Visit): Promise<void> {
    const client = await RawClient.open(this.url);
    const numbered = attempt === undefined ? {} : { attempt };
    client.send({ type: 'hello', token, clientKey, ...numbered, rooms: [{ room }] });
    await client.next('connected');
    const { type } = await client.nextFrame();
    if (type !== 'subscribed') throw new Error(`${device} was not let in: ${type}`);
    this.#clients.set(device, client);
  }

  /** Has one tell a room something about itself; settles when the server knows. */
  async tell(device: string, room: string, info: unknown): Promise<void> {
    const client = this.#find(device);
    client.send({ type: 'presence', id: 'tell', room, action: 'update', info });
    await client.next('presence');
  }

  /** Breaks the link of one, or has it say goodbye; settles when the server has noticed. */
  async end(device: string, how: 'lose' | 'depart'): Promise<void> {
    const noticed = new Promise<void>((resolve) => (this.#noticed = resolve));
    const { socket } = this.#find(device);
    this.#clients.delete(device);
    if (how === 'lose') socket.terminate();
    else socket.close(1000);
    await Promise.all([once(socket, 'close'), noticed]);
  }

  /** The server has noticed that a connection has ended. */
  notice(): void {
    this.#noticed();
  }

  /** Lets go of all. */
  close(): void {
    for (const { socket } of this.#clients.values()) socket.terminate();
  }

  #find(device: string): RawClient {
    const client = this.#clients.get(device);
    if (client === undefined) throw new Error(`nobody is there by ${device}`);
    return client;
  }
}
