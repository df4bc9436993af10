/** A link that has something to write. */
export interface Gathering {
  /** Bytes that were gathered. */
  readonly gatheredBytes: number;
  /** Writes what was gathered; does nothing if there is nothing. */
  flush(): void;
  /** Tells it that what was gathered is written in a later turn: its peer is not to blame for that. */
  putOff(): void;
}
