import config from '../../jest.config.js';

/** The client's specs, with the one file that the build makes of it: `npm run test:bundle`. */
export default {
  ...config,
  rootDir: '../..',
  roots: ['<rootDir>/test/client', '<rootDir>/test/react'],
  moduleNameMapper: {
    '^(?:\\.{1,2}/)+lib/client/index\\.js$': '<rootDir>/dist/client/index.js',
    ...config.moduleNameMapper,
  },
};
