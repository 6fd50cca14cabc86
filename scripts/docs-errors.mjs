/** node scripts/docs-errors.mjs: writes docs/errors.md from the catalogue of error codes. Needs a build. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorsPage } from './lib/errors-page.mjs';
import { Failure, root, say, script } from './lib/run.mjs';

await script(async () => {
  const folder = join(root, 'dist', 'protocol');
  if (!existsSync(join(folder, 'catalogue.js'))) throw new Failure('not built: npm run build');
  const { WIRE_ERRORS } = await import(pathToFileURL(join(folder, 'errors.js')).href);
  const { describeNenCode } = await import(pathToFileURL(join(folder, 'catalogue.js')).href);
  mkdirSync(join(root, 'docs'), { recursive: true });
  writeFileSync(join(root, 'docs', 'errors.md'), errorsPage(Object.keys(WIRE_ERRORS).map(describeNenCode)));
  say('docs/errors.md is written');
  return 0;
});
