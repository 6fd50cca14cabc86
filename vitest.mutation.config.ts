/** The tests that judge mutants of src/crypto, src/protocol and src/session: npm run test:mutation. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['crypto', 'protocol', 'session', 'vectors'].map((room) => `test/${room}/**/*.test.ts`),
    // Instrumented code on a busy machine is slow. Stryker itself ends what never ends.
    testTimeout: 120_000,
    // What takes longest, and is there for scale and not for meaning.
    exclude: ['test/session/scale.test.ts'],
  },
});
