/** Coverage-guided fuzzing of each reader: a tenth of the cases of a run. */
import { describe, expect, it } from 'vitest';
import { readGuided } from './guided.ts';
import { PARSERS } from './parsers.ts';
import { CASES, SEED } from './run.ts';

const CASES_EACH = Math.ceil(CASES / 10 / PARSERS.length);
const MINUTES_AT_MOST = 30;

describe(`guided by coverage, NEN_FUZZ_SEED=${SEED}`, () => {
  it.each(PARSERS)(
    `$name: ${CASES_EACH} inputs`,
    async (parser) => {
      const { corpus, blocks } = await readGuided(parser, CASES_EACH, SEED);
      expect(corpus.length).toBeGreaterThanOrEqual(parser.seeds.length);
      expect(blocks).toBeGreaterThan(0);
      if (process.env.NEN_FUZZ_CASES !== undefined)
        console.info(`${parser.name}: ${blocks} blocks reached, ${corpus.length} inputs kept`);
    },
    MINUTES_AT_MOST * 60_000,
  );
});
