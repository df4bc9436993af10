import { Injectable } from '@nestjs/common';

import {
  assertRevocation,
  RealtimeNode,
  type RevocationRule,
  type Session,
} from '../../core/index.js';

/** Sessions: who is connected by which credentials, and the end of it. Inject it anywhere. */
@Injectable()
export class SessionService {
  /** @internal */
  constructor(private readonly node: RealtimeNode) {}

  /** The sessions of a user on every node, one a connection. */
  list(userId: string): Promise<Session[]> {
    return this.node.sessionsOf(userId);
  }

  /**
   * Ends sessions, on every node: their connections close with 4401, and a token that the rule names
   * does not get in again for 24 h (`auth.rememberRevokedMs`). Of a token without `issuedAt`, a rule
   * with `issuedBefore` assumes that it is older.
   *
   * A rule with `userId` alone is meant for good: it keeps every token of the user out. To end the
   * present sessions only, add `issuedBefore: Date.now()`.
   *
   * @param rule the fields that are given have to apply together.
   * @throws RealtimeError `invalid-field` for a rule without any field.
   */
  async revoke(rule: RevocationRule): Promise<void> {
    assertRevocation(rule);
    await this.node.revoke(rule);
  }

  /**
   * Asks the room classes again what a user may, on every node: call it when rights have changed.
   * Rooms that the user may no longer be in are left; the client is told `forbidden`.
   */
  async reauthorize(userId: string): Promise<void> {
    await this.node.reauthorize(userId);
  }
}
