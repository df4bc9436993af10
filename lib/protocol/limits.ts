/**
 * Numbers that both sides agree on. They belong to the protocol, not to a deployment: changing one
 * changes what a conforming peer may send. What a deployment may tune is in the module's options.
 */

/** Longest `id` of a frame, and longest `epoch`, in UTF-16 code units. Stops a peer from making the server keep large keys. */
export const MAX_ID_LENGTH = 64;

/** Longest `event` name, in UTF-16 code units. */
export const MAX_EVENT_LENGTH = 128;

/** Longest room name, in bytes (room names are ASCII, so also in characters). */
export const MAX_ROOM_BYTES = 200;

/** Longest `token`, in UTF-16 code units. A signed token of 8 KiB is already unusual; more is an attack. */
export const MAX_TOKEN_LENGTH = 8_192;

/** Longest `clientKey`, in characters. 128 random bits take 32 as hexadecimal. */
export const MAX_CLIENT_KEY_LENGTH = 64;

/** Most rooms one `hello` may carry. A deployment's limit of rooms a connection applies as well. */
export const MAX_HELLO_ROOMS = 1_000;

/** Most members that a frame about a room's presence lists. In a room with more, only their number is told. */
export const MAX_PRESENCE_MEMBERS = 1_000;

/** Most bytes of JSON that a member of a room may tell of one connection as its `info`. */
export const MAX_PRESENCE_INFO_BYTES = 1_024;

/** Most messages of a page of history. */
export const MAX_HISTORY_PAGE = 100;

/** Most items of a stream that one `credit` grants, or the `credit` of a request. */
export const MAX_CREDIT = 10_000;

/** Longest `code` of a client's refusal, in UTF-16 code units. */
export const MAX_CODE_LENGTH = 64;

/** Longest `message` of a client's refusal, in UTF-16 code units. */
export const MAX_MESSAGE_LENGTH = 1_024;

/**
 * Deepest nesting of arrays and objects in a frame, the frame's own object included.
 * 60 KB of `[[[…` parses, but throws in `JSON.stringify`; 32 is far beyond any honest payload.
 */
export const MAX_DEPTH = 32;

/** Largest frame a server accepts unless it says otherwise in `connected.limits`, in bytes: 1 MiB. */
export const DEFAULT_MAX_FRAME_BYTES = 1_048_576;

/** Longest reason of a close frame, in bytes of UTF-8 (RFC 6455, section 5.5: 125 less the code's 2). */
export const MAX_CLOSE_REASON_BYTES = 123;
