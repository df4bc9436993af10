/** A handler's answer that is JSON text already: it goes out as it is, byte for byte. */
export class EncodedReply {
  constructor(
    /** JSON text. `undefined`: the request is acknowledged without a payload. */
    readonly text: string | undefined,
  ) {}
}
