import config from '../../jest.config.js';

/** The specs of the hooks, with the oldest React that they run on: `npm run test:react-18`. */
export default {
  ...config,
  rootDir: '../..',
  roots: ['<rootDir>/test/react'],
  moduleNameMapper: {
    ...config.moduleNameMapper,
    '^react$': '<rootDir>/test/react-18/react.cjs',
    '^(react/.*|react-dom|react-dom/.*)$': '<rootDir>/test/react-18/node_modules/$1',
  },
};
