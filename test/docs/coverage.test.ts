/** docs/coverage.md: every code has one row, and each test that is named exists and speaks of what it is to show. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isNenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import { root } from './app-folder.ts';

const page = readFileSync(join(root, 'docs/coverage.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

function testsIn(cell: string | undefined): string[] {
  return cell?.match(/test\/[\w/.-]+/g) ?? [];
}

describe('docs/coverage.md', () => {
  it('names tests that exist, for each promise that works', () => {
    for (const cells of rows) {
      const tests = testsIn(cells.at(-1));
      for (const test of tests) expect(existsSync(join(root, test)), test).toBe(true);
      if (cells[1]?.startsWith('works')) expect(tests, cells[0]).not.toEqual([]);
    }
  });

  const codes = Object.keys(WIRE_ERRORS).filter(isNenErrorCode);
  it.each(codes)('%s has one row, and its test names the code', (code) => {
    const found = rows.filter(([first]) => first === code);
    expect(found).toHaveLength(1);
    const tests = testsIn(found[0]?.[1]);
    expect(tests).toHaveLength(1);
    for (const test of tests) expect(readFileSync(join(root, test), 'utf8')).toContain(code);
  });
});
