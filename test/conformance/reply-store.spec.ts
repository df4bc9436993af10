import { replyStoreChecks } from './reply-store.suite.js';
import { goodWorld } from './reply-store.world.js';
import { runSuite } from './suite.js';

runSuite('MemoryReplyStore', replyStoreChecks, goodWorld);
