/**
 * The tests that judge mutants of src/crypto, src/protocol and src/session: npm run test:mutation. The first that
 * fails ends a mutant, so what takes long comes last, and what judges other people's code isn't there.
 */
import { basename, dirname } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The test that mirrors the changed file, then the quickest. Vitest would begin with the longest. */
class OwnTestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { related = [], root } = this.ctx.config;
    const own = related.flatMap((source) => [basename(source, '.ts'), basename(dirname(source))]);
    const isOther = ({ moduleId }: TestSpecification) =>
      own.some((name) => basename(moduleId).startsWith(`${name}.`)) ? 0 : 1;
    const durationMs = ({ moduleId, project }: TestSpecification) =>
      this.ctx.cache.getFileTestResults(`${project.name}:${moduleId.slice(root.length + 1)}`)?.duration ?? 0;
    return [...files].sort((a, b) => isOther(a) - isOther(b) || durationMs(a) - durationMs(b));
  }
}

export default defineConfig({
  test: {
    include: ['crypto', 'protocol', 'session', 'vectors'].map((room) => `test/${room}/**/*.test.ts`),
    exclude: [
      // Scale and clients, not meaning.
      'test/session/redis.contract.test.ts',
      'test/session/scale.test.ts',
      // The algorithms of noble and OpenSSL: thousands of vectors, none for a line of ours that has no other test.
      'test/vectors/ml-*.test.ts',
      'test/vectors/checksums.test.ts',
      'test/crypto/differences.test.ts',
    ],
    // Instrumented code on a busy machine is slow. Stryker itself ends what never ends.
    testTimeout: 120_000,
    sequence: { sequencer: OwnTestFirst },
  },
});
