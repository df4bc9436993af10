/**
 * What the core needs from the outside, as contracts. Each clause has a number; the conformance
 * suites under `test/conformance` run every implementation against them and cite the number.
 */
export type * from './authentication.js';
export type * from './broker.js';
export type * from './control.js';
export type * from './environment.js';
export type * from './frame-parser.js';
export type * from './operations.js';
export type * from './presence.js';
export type * from './publication.js';
export type * from './rate-store.js';
export type * from './rooms.js';
export type * from './token-verifier.js';
export type * from './transport.js';
