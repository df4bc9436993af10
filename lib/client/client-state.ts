/**
 * - `idle`: not asked to connect yet.
 * - `connecting`: fetching the token, opening the socket or waiting for the server's welcome.
 * - `connected`: requests go out.
 * - `waiting`: the connection broke; the next attempt comes after a delay.
 * - `closed`: for good. A closed client stays closed; make a new one.
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'closed';

/** A transition of the client. */
export interface StateChange {
  readonly state: ClientState;
  readonly previous: ClientState;
  /** The close code of the connection that ended, if the other side or the runtime gave one. */
  readonly code?: number;
  /**
   * Why: the server's close reason, or `connect-timeout`, `heartbeat-timeout`, `bad-frame`, `hidden`
   * (the page was left) or an error's code.
   */
  readonly reason?: string;
  /** In `waiting`: milliseconds until the next attempt. Absent while the page is left: the attempt comes when it is shown again. */
  readonly delayMs?: number;
}

/** Why a connection or an attempt ended. */
export type Loss = Pick<StateChange, 'code' | 'reason'>;
