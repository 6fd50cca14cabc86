/**
 * npm run test:fuzz: two million altered messages for every reader and for whole exchanges, some of them guided by
 * coverage and 100 000 through a real nginx. NEN_FUZZ_CASES names another number, NEN_FUZZ_SEED brings a run back.
 */
import { join } from 'node:path';
import { install } from './lib/install.mjs';
import { tryNginx } from './lib/nginx.mjs';
import { root, run, script } from './lib/run.mjs';

const CASES = '2000000';

await script(async () => {
  const nginx = await tryNginx();
  await install(root);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { NEN_FUZZ_CASES: process.env.NEN_FUZZ_CASES ?? CASES, ...(nginx && { NGINX: nginx }) };
  return run(process.execPath, [vitest, 'run', 'test/fuzz', ...process.argv.slice(2)], { env });
});
