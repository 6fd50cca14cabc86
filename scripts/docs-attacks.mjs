/** node scripts/docs-attacks.mjs: writes docs/attacks.md from the catalogue of attacks and the titles of the tests. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attacksPage } from './lib/attacks-page.mjs';
import { root, say, script } from './lib/run.mjs';

await script(async () => {
  writeFileSync(join(root, 'docs', 'attacks.md'), attacksPage(join(root, 'test')));
  say('docs/attacks.md is written');
  return 0;
});
