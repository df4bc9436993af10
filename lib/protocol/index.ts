export { BYTES_FIELD, jsonWithBytes, withBytes } from './bytes.js';
export * from './codes.js';
export { decodeClientFrame } from './decode-client-frame.js';
export { decodeServerFrame } from './decode-server-frame.js';
export {
  encodeServerFrame,
  type EncodedPayload,
  type EncodedServerFrame,
} from './encode.js';
export type * from './client-frames.js';
export type * from './server-frames.js';
export type { JsonCodec } from './json-codec.js';
export * from './limits.js';
export { peekClientFrame, type PeekedFrame } from './peek-client-frame.js';
export { Payload } from './payload.js';
export * from './position.js';
export { ProtocolError } from './protocol-error.js';
export { isRoomName, ROOM_NAME_RULE } from './room-name.js';
export * from './version.js';
