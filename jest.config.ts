import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  // They need real servers: npm run test:backends.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/backends/'],
  globalSetup: '<rootDir>/test/support/build-package.ts',
  globalTeardown: '<rootDir>/test/support/say-what-was-skipped.ts',
  // Against a test that hangs, on a machine that has other things to do too.
  testTimeout: 30_000,
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: { module: 'commonjs' } }] },
};

export default config;
