/**
 * Altered messages for every reader: 20 000 in `npm test`, 2 000 000 in `npm run test:fuzz`. The seed is printed;
 * NEN_FUZZ_SEED brings a run back. What a run finds becomes a test of its own, beside the reader's.
 */
import { describe, expect, it } from 'vitest';
import { NenError } from '../../src/protocol/errors.ts';
import { collectGarbage } from '../support/used-memory.ts';
import { PARSERS, type Parser } from './parsers.ts';
import { chance } from './random.ts';
import { CASES, readMany, readOne, SEED } from './run.ts';

/** Half of all cases: the other half are whole exchanges. */
const CASES_EACH = Math.ceil(CASES / 2 / PARSERS.length);
const MINUTES_AT_MOST = 30;
const MAX_GROWTH_MB = 10;

function heapAfterCollection(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const heapBefore = heapAfterCollection();

describe(`altered messages, NEN_FUZZ_SEED=${SEED}`, () => {
  it.each(PARSERS)('$name: what is well formed is read', (parser) => {
    for (const seed of parser.seeds) {
      expect(() => {
        try {
          parser.read(seed, chance(SEED));
        } catch (error) {
          // The public key of the seed is no key of ML-KEM's.
          if (!(error instanceof NenError)) throw error;
        }
      }).not.toThrow();
    }
  });

  it.each(PARSERS)(
    `$name: ${CASES_EACH} inputs are read or refused`,
    (parser) => readMany(parser, CASES_EACH, SEED),
    MINUTES_AT_MOST * 60_000,
  );

  it(`the heap is at most ${MAX_GROWTH_MB} MB larger afterwards`, () => {
    const growthMb = (heapAfterCollection() - heapBefore) / 1e6;
    expect(growthMb).toBeLessThanOrEqual(MAX_GROWTH_MB);
  });

  it('tells a broken rule with the input that brings it back', () => {
    const broken: Parser = {
      name: 'broken',
      seeds: [],
      read: () => {
        throw new TypeError('not a refusal');
      },
    };
    expect(() => readOne(broken, Uint8Array.of(1), chance(1))).toThrow(
      /broken: NEN_FUZZ_SEED=\d+, input AQ==/,
    );
  });
});
