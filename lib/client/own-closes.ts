/** What the client closes with, for the server's log (PROTOCOL.md, section 10). */
import type { CloseCode } from '../protocol/index.js';

export const NORMAL: typeof CloseCode.Normal = 1000;
/** No goodbye: the page may be shown again. */
export const HIDDEN = 4000;
export const BAD_FRAME: typeof CloseCode.BadFrame = 4400;
export const NO_ANSWER: typeof CloseCode.HelloTimeout = 4408;
/** The client has another connection now. */
export const REPLACED: typeof CloseCode.Replaced = 4409;
