/**
 * The test suites. The cryptography is tested twice: with what the runtime has ("node-crypto") and with
 * noble forced ("noble"), so that both implementations go through every protocol and adapter test. Where
 * WebCrypto could do it too, clients are tested on that as well ("web-crypto").
 * Tests that start browsers, Next or npm have longer limits.
 */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const CRYPTO_ROOMS = ['crypto', 'protocol', 'adapter', 'link'].map((room) => `test/${room}/**/*.test.ts`);
/** Minutes of killing and freezing: npm run test:faults. */
const FAULTS = 'test/faults/long/**';
/** Minutes of load: npm run test:soak. */
const SOAK = 'test/soak/**';
const SLOW_ROOMS = ['e2e', 'package'].map((room) => `test/${room}/**/*.test.ts`);

/** The files of a worker load the sources once, which saves them a third of their time; none leaves anything global changed. */
const SHARED_MODULES = { isolate: false, setupFiles: ['test/setup/crypto.ts'] };

/** Runtimes whose WebCrypto has ML-KEM: Node 24 and later. There clients are tested on it as in a browser. */
const HAS_WEB_KEM = 'encapsulateBits' in crypto.subtle;
const WEB_PROJECT = {
  extends: true as const,
  test: {
    name: 'web-crypto',
    include: ['protocol', 'adapter', 'link', 'trpc'].map((room) => `test/${room}/**/*.test.ts`),
    env: { NEN_TEST_CRYPTO: 'web' },
    ...SHARED_MODULES,
  },
};

/** Where to leave a JSON report beside the ordinary one: .ci/run counts tests with it. */
const reportFile = process.env.NEN_VITEST_JSON;

/** Long tests, which report figures: one file at a time, so that none is in the figures of another. */
function longProject(name: string, include: readonly string[]) {
  return {
    extends: true as const,
    test: {
      name,
      include: [...include],
      testTimeout: 180_000,
      hookTimeout: 60_000,
      fileParallelism: false,
    },
  };
}

const LONG_PROJECTS = [
  longProject('faults', [`${FAULTS}/*.test.ts`]),
  longProject('soak', [
    `${SOAK}/*.test.ts`,
    'test/attack/floods.test.ts',
    'test/protocol/stream-cases.test.ts',
  ]),
];

export default defineConfig({
  test: {
    reporters: reportFile ? ['default', 'json'] : ['default'],
    ...(reportFile ? { outputFile: { json: reportFile } } : {}),
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text', 'html'],
    },
    // A busy machine takes ten times as long as a quiet one; what hangs is found all the same.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    // Half of the tests wait for other processes or for time to pass: two more than there are cores, and
    // those that run at once in a file mostly wait for Redis to forget something.
    maxConcurrency: 32,
    maxWorkers: availableParallelism() + 2,
    projects: [
      {
        extends: true,
        test: { name: 'node-crypto', include: CRYPTO_ROOMS, ...SHARED_MODULES },
      },
      {
        extends: true,
        test: {
          name: 'noble',
          include: CRYPTO_ROOMS,
          env: { NEN_TEST_CRYPTO: 'noble' },
          ...SHARED_MODULES,
        },
      },
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...CRYPTO_ROOMS, ...SLOW_ROOMS, FAULTS, SOAK],
        },
      },
      ...(HAS_WEB_KEM ? [WEB_PROJECT] : []),
      ...(process.env.NEN_FIGURES ? LONG_PROJECTS : []),
      {
        extends: true,
        test: {
          name: 'slow',
          include: SLOW_ROOMS,
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
