/**
 * The published test vectors (Wycheproof, NIST ACVP, C2SP CCTV). They are 9 MB and not in this
 * repository: they are looked for in the folder that NEN_VECTORS names, else in shared/vectors beside
 * the checkout. Where there are none the suites are skipped, and say so in their titles.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';

export const folder: string =
  process.env.NEN_VECTORS === undefined
    ? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url))
    : resolve(process.env.NEN_VECTORS);

const present = existsSync(join(folder, 'SHA256SUMS'));

/** A describe that is skipped, with the reason in its title, where there are no vectors. */
export function describeVectors(title: string, tests: () => void): void {
  if (present) describe(title, tests);
  else describe.skip(`${title}: skipped, no vectors in ${folder} (set NEN_VECTORS to their folder)`, tests);
}

export function readVectors(path: string): Bytes {
  return Uint8Array.from(readFileSync(join(folder, path)));
}

/** A JSON file of vectors, whose fields the tests take at their word: SHA256SUMS vouches for them. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as T;
}

/** Lines of `name = value`, as in CCTV's text files. */
export function readFields(path: string): Record<string, string> {
  const lines = readFileSync(join(folder, path), 'utf8').split('\n');
  const fields = lines.flatMap((line) => {
    const match = /^(\w+) = ([0-9a-f]*)$/.exec(line.trim());
    return match === null ? [] : [[match[1], match[2]]];
  });
  return Object.fromEntries(fields);
}

/** What Wycheproof and ACVP files have in common. */
export interface VectorFile<Group> {
  readonly numberOfTests?: number;
  readonly testGroups: readonly Group[];
}

export interface WycheproofTest {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid';
}

/**
 * Runs `check` for every test of the groups and asserts how many there were, so that a file that was
 * read wrongly, or an empty one, can't pass.
 */
export async function forEachTest<Test extends { readonly tcId: number }, Group>(
  file: VectorFile<Group & { readonly tests: readonly Test[] }>,
  expected: number,
  check: (test: Test, group: Group) => void | Promise<void>,
): Promise<void> {
  let count = 0;
  for (const group of file.testGroups) {
    for (const test of group.tests) {
      try {
        await check(test, group);
      } catch (cause) {
        throw new Error(`test case ${test.tcId}: ${String(cause)}`, { cause });
      }
      count++;
    }
  }
  expect(count).toBe(expected);
  if (file.numberOfTests !== undefined) expect(count).toBe(file.numberOfTests);
}
