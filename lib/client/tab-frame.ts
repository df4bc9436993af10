/** A frame of either side, as far as pages that share a connection look into it. */
export interface AnyFrame {
  readonly type: string;
  readonly id?: string | undefined;
  readonly room?: string | undefined;
  readonly code?: string | undefined;
  readonly action?: string | undefined;
  readonly reason?: string | undefined;
}
