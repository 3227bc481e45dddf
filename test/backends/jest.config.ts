import type { Config } from 'jest';

/** Only these: `npm run test:backends`. */
const config: Config = {
  rootDir: '../..',
  testEnvironment: 'node',
  roots: ['<rootDir>/test/backends'],
  globalSetup: '<rootDir>/test/support/build-package.ts',
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: { module: 'commonjs' } }] },
};

export default config;
