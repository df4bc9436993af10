/** How well this process is. */
export type HealthStatus =
  /** All is well. */
  | 'up'
  /** Messages go as ever; what is less important does not: see which part is `down`. */
  | 'degraded'
  /** It takes no new connections, for it is about to end. */
  | 'draining'
  /**
   * Nothing can be published and no room be entered. Who is connected stays so, and gets what was missed
   * when it is over.
   */
  | 'down';

/** How well one part is that this process depends on. */
export interface HealthOfPart {
  readonly status: 'up' | 'down';
  /** Since when, as far as this process has noticed; milliseconds since 1970, by its clock. */
  readonly since: number;
  /** What is the matter, for operators. Absent: nothing. */
  readonly error?: string;
}

/** What {@link RealtimeHealth.check} finds. */
export interface HealthReport {
  readonly status: HealthStatus;
  /** Connections of this process, those included that are not let in yet. */
  readonly connections: number;
  /** Rooms that somebody on this process is in. */
  readonly rooms: number;
  /** What carries messages: Redis, or this process's memory. */
  readonly broker: HealthOfPart;
  /** What knows who is where. */
  readonly presence: HealthOfPart;
}

/** How to check. */
export interface HealthCheckOptions {
  /** Longest wait for an answer, in milliseconds. Default 1 000. At least 1. */
  readonly timeoutMs?: number;
}

/** What an indicator of `@nestjs/terminus` gives: the report under a key, `down` if it should get no traffic. */
export type HealthIndication<Key extends string = string> = Record<
  Key,
  Omit<HealthReport, 'status'> & {
    readonly status: 'up' | 'down';
    /** The status of the report itself. */
    readonly state: HealthStatus;
  }
>;
