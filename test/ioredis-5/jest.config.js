import config from '../../jest.config.js';

/** The specs of what ioredis does, with the oldest one that is supported: `npm run test:ioredis-5`. */
export default {
  ...config,
  rootDir: '../..',
  roots: ['<rootDir>/test/conformance', '<rootDir>/test/redis', '<rootDir>/test/e2e'],
  testRegex: [
    'test/conformance/redis-broker\\.spec\\.ts$',
    'test/redis/(control|emitter|redis-rules|start-up-probe)\\.spec\\.ts$',
    'test/e2e/redis\\.spec\\.ts$',
  ],
  moduleNameMapper: {
    ...config.moduleNameMapper,
    '^ioredis$': '<rootDir>/test/ioredis-5/ioredis.cjs',
  },
};
