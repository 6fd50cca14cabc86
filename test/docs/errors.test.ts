/** docs/errors.md is what the catalogue says now. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorsPage } from '../../scripts/lib/errors-page.mjs';
import { describeNenCode } from '../../src/protocol/catalogue.ts';
import { isNenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';

it('docs/errors.md is up to date (node scripts/docs-errors.mjs writes it)', () => {
  const codes = Object.keys(WIRE_ERRORS).filter(isNenErrorCode);
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  expect(page).toBe(errorsPage(codes.map(describeNenCode)));
});
