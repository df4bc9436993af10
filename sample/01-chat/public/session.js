// @ts-check
/** Who we are. Kept for a reload, in this tab only: another window may sign in under another name. */
import { UnauthorizedError } from 'nestjs-realtime/client';

class Session {
  get name() {
    return sessionStorage.getItem('name') ?? undefined;
  }

  /**
   * @param {string} name
   * @returns {Promise<string>} the token.
   * @throws {UnauthorizedError} if the server does not take the name; the message says why.
   */
  async signIn(name) {
    const response = await fetch('/sign-in', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    const answer = await response.json();
    if (!response.ok) throw new UnauthorizedError([answer.message].flat().join(' '));
    sessionStorage.setItem('name', name.trim());
    sessionStorage.setItem('token', answer.token);
    return answer.token;
  }

  /**
   * The client asks for it before each attempt to connect. The server keeps its sessions in memory:
   * after a restart it knows no token, and we sign in again under the same name.
   */
  async token() {
    return sessionStorage.getItem('token') ?? (await this.signIn(this.name ?? ''));
  }

  /** The server refused the token. */
  expire() {
    sessionStorage.removeItem('token');
  }

  end() {
    const headers = { authorization: `Bearer ${sessionStorage.getItem('token') ?? ''}` };
    sessionStorage.clear();
    // Nobody waits for the answer: gone from this tab, the token is of no use to anyone.
    fetch('/sign-out', { method: 'POST', headers, keepalive: true }).catch(() => undefined);
  }
}

export const session = new Session();
