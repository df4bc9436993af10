import type { ErrorCode } from './codes.js';

/** What is wrong with an input. A value: peers make mistakes, that is nothing exceptional. */
export class ProtocolError {
  constructor(
    readonly code: ErrorCode,
    /** What was expected and what came, without the input's content. */
    readonly message: string,
    /** The frame's id, if it could be read and an answer may go under it. */
    readonly id?: string,
  ) {}

  /** Whether the input was no frame at all, so that the connection cannot be trusted to be in step. */
  get fatal(): boolean {
    return this.code === 'bad-frame';
  }
}

/** An input that is no frame at all. */
export function badFrame(message: string): ProtocolError {
  return new ProtocolError('bad-frame', message);
}
