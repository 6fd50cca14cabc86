/**
 * The tests that judge mutants of src/crypto, src/protocol and src/session: npm run test:mutation. Those of a room are
 * judged by that room's own tests. The first that fails ends a mutant, so what takes long comes last, and what judges
 * other people's code isn't there.
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

/** Vectors are of the room whose formulas they hold. */
const VECTORS: Readonly<Record<string, string>> = {
  crypto: 'test/vectors/*.test.ts',
  protocol: 'test/vectors/golden/*.test.ts',
};
const { NEN_MUTATION_ROOM: room = '{crypto,protocol,session}' } = process.env;

export default defineConfig({
  test: {
    include: [`test/${room}/**/*.test.ts`, VECTORS[room] ?? []].flat(),
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
