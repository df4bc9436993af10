import { rateStoreChecks } from './rate-store.suite.js';
import { memoryWorld } from './rate-store.world.js';
import { runSuite } from './suite.js';

runSuite('MemoryRateStore', rateStoreChecks, memoryWorld);
