/**
 * Fuzzing that is guided by coverage: an input that reaches a block of the parser that none reached before is kept,
 * and altered further. V8 counts the blocks; a batch is asked at once, since asking costs more than a hundred inputs.
 */
import { Session } from 'node:inspector/promises';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { mutate } from './mutate.ts';
import type { Parser } from './parsers.ts';
import { chance } from './random.ts';
import { readOne } from './run.ts';

const BATCH = 200;

export interface Guided {
  /** Inputs that reached something new, the seeds first. */
  readonly corpus: readonly Bytes[];
  /** Blocks of src/ that were reached. */
  readonly blocks: number;
}

export async function readGuided(parser: Parser, cases: number, seed: number): Promise<Guided> {
  const by = chance(seed);
  const corpus = [...parser.seeds];
  const coverage = await startCoverage();
  try {
    for (const input of corpus) readOne(parser, input, by);
    const reached = await coverage.take();
    for (let left = cases; left > 0; left -= BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, left) }, () => mutate(by.pick(corpus), by, corpus));
      for (const input of batch) readOne(parser, input, by);
      if (isSubset(await coverage.take(), reached)) continue;
      for (const input of batch) {
        readOne(parser, input, by);
        const blocks = await coverage.take();
        if (!isSubset(blocks, reached)) corpus.push(input);
        for (const block of blocks) reached.add(block);
      }
    }
    return { corpus, blocks: reached.size };
  } finally {
    await coverage.stop();
  }
}

function isSubset(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  for (const one of some) if (!all.has(one)) return false;
  return true;
}

interface Coverage {
  /** The blocks of src/ that ran since the last call. */
  take(): Promise<Set<string>>;
  stop(): Promise<void>;
}

async function startCoverage(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    async take() {
      const ran = new Set<string>();
      const { result } = await session.post('Profiler.takePreciseCoverage');
      for (const { url, functions } of result) {
        if (!/\/src\/(?:crypto|protocol|session)\//.test(url)) continue;
        for (const { ranges } of functions) {
          for (const { count, startOffset, endOffset } of ranges)
            if (count > 0) ran.add(`${url} ${startOffset} ${endOffset}`);
        }
      }
      return ran;
    },
    async stop() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}
