/** docs/attacks.md is what the tests say, and no row of the catalogue is without a test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AREAS } from '../../scripts/lib/attacks.mjs';
import { attacksPage, testsByRow } from '../../scripts/lib/attacks-page.mjs';
import { root } from './app-folder.ts';

const tests = testsByRow(join(root, 'test'));
const rows = AREAS.flatMap(({ rows }) => rows.map(([row]) => row));

describe('docs/attacks.md', () => {
  it('is written anew: node scripts/docs-attacks.mjs', () => {
    expect(readFileSync(join(root, 'docs/attacks.md'), 'utf8')).toBe(attacksPage(join(root, 'test')));
  });

  it('has every number from 1 to 160 once', () => {
    expect(rows).toEqual(Array.from({ length: 160 }, (_, at) => at + 1));
  });

  it('has a test for each', () => {
    expect(rows.filter((row) => !tests.has(row))).toEqual([]);
  });

  it('knows every row that a test names', () => {
    expect([...tests.keys()].filter((row) => !rows.includes(row))).toEqual([]);
  });
});
