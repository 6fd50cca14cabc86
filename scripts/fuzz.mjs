/**
 * npm run test:fuzz: two million altered messages for every reader and for whole exchanges, some of them guided by
 * coverage and 100 000 through a real nginx. With `--short` a tenth of them, as CI does; NEN_FUZZ_CASES names another
 * number, NEN_FUZZ_SEED brings a run back.
 */
import { shareOf, vitestArguments } from './lib/figures.mjs';
import { install } from './lib/install.mjs';
import { tryNginx } from './lib/nginx.mjs';
import { root, script } from './lib/run.mjs';
import { runVitest } from './lib/vitest.mjs';

const CASES = 2_000_000;
const SHORT_SHARE = 0.1;

await script(async () => {
  const nginx = await tryNginx();
  await install(root);
  const cases = process.env.NEN_FUZZ_CASES ?? String(CASES * shareOf(SHORT_SHARE));
  const env = { NEN_FUZZ_CASES: cases, ...(nginx && { NGINX: nginx }) };
  return runVitest(['test/fuzz', ...vitestArguments()], { env });
});
