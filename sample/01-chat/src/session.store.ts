import { randomBytes, randomUUID } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import type { ChatUser } from './chat.contract.js';

/** Beyond it the oldest session ends. What strangers can make grow needs an end. */
const MAX_SESSIONS = 10_000;

/** Who is signed in, by token. In memory: a restart signs everyone out. */
@Injectable()
export class SessionStore {
  readonly #users = new Map<string, ChatUser>();

  /** Starts a session and returns its token. */
  start(name: string): string {
    const token = randomBytes(32).toString('base64url');
    // Two people may have the same name, so the name cannot be the id.
    this.#users.set(token, { id: randomUUID(), name });
    const [oldest] = this.#users.keys();
    if (oldest !== undefined && this.#users.size > MAX_SESSIONS) this.#users.delete(oldest);
    return token;
  }

  find(token: string): ChatUser | undefined {
    return this.#users.get(token);
  }

  end(token: string): void {
    this.#users.delete(token);
  }
}
