/** Whoever is behind a connection. Applications extend it with what their verifier returns. */
export interface RealtimeUser {
  /** Stable and unique. All devices of a user have the same. */
  readonly id: string;
}

/** What a verifier found out about credentials. */
export interface Authentication {
  readonly user: RealtimeUser;
  /** When the credentials run out; milliseconds since 1970. Absent: never. */
  readonly expiresAt?: number;
  /** When they were issued; milliseconds since 1970. Absent: not known. */
  readonly issuedAt?: number;
  /** Name of the token (`jti`), to revoke it by. Absent: it has none. */
  readonly tokenId?: string;
  /** Whether nobody in particular is behind it: let in, but only to handlers marked `@Public()`. */
  readonly isAnonymous?: boolean;
  /**
   * Whether the user's id was made for this connection, so that a client that comes back has another
   * one: then it is known again by its key alone. Default false.
   */
  readonly isFleeting?: boolean;
}

/** An authenticated connection: who is behind it, by which credentials, until when. */
export interface Session extends Authentication {
  /** The id of its connection. */
  readonly id: string;
  /** When it began; milliseconds since 1970. */
  readonly since: number;
}

/** Which sessions are revoked. All given fields have to apply; a rule without any applies to none. */
export interface RevocationRule {
  /** Sessions of this user. */
  readonly userId?: string;
  /** This session: the id of its connection. */
  readonly sessionId?: string;
  /** Sessions that were authenticated by this token (`jti`). */
  readonly tokenId?: string;
  /**
   * Sessions whose token was issued before this moment; milliseconds since 1970. Tokens that do not
   * say when count as older.
   */
  readonly issuedBefore?: number;
}
