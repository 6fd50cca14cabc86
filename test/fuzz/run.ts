/** Runs cases and tells each failure with the seed and the input that bring it back. */
import { type Bytes, base64Encode } from '../../src/crypto/bytes.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { mutate } from './mutate.ts';
import type { Parser } from './parsers.ts';
import { type Chance, chance } from './random.ts';

/** Cases in all: many in `npm run test:fuzz`. */
export const CASES: number = Number(process.env.NEN_FUZZ_CASES ?? 20_000);
export const SEED: number = Number(process.env.NEN_FUZZ_SEED ?? Date.now() % 2 ** 32);

/** @throws {Error} for a rule that the input breaks. */
export function readOne(parser: Parser, input: Bytes, by: Chance): void {
  try {
    parser.read(input, by);
  } catch (error) {
    if (error instanceof NenError) return;
    throw new Error(`${parser.name}: NEN_FUZZ_SEED=${SEED}, input ${base64Encode(input)}`, { cause: error });
  }
}

export function readMany(parser: Parser, cases: number, seed: number): void {
  const by = chance(seed);
  for (let left = cases; left > 0; left--) {
    readOne(parser, mutate(by.pick(parser.seeds), by, parser.seeds), by);
  }
}
