export { MemoryBroker, type MemoryBrokerOptions } from './memory-broker.js';
export type { OperationWindowOptions } from './operation-window.js';
export { MemoryPresenceBook } from './memory-presence-book.js';
export { MemoryPresenceStore, type MemoryPresenceOptions } from './memory-presence.js';
export { MemoryRateStore, type MemoryRateOptions } from './memory-rate-store.js';
export { MemoryReplyStore } from './memory-reply-store.js';
export { ReplyBook, type ReplyBookOptions } from './reply-book.js';
