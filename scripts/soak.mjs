/**
 * npm run test:soak: up to ten minutes of load, of floods, of streams and of wrong clocks, and a table of the
 * figures: memory, rates, times. `npm run test:soak -- --short` takes about a minute, as CI does (NEN_SHARE
 * names another share). Other arguments go to vitest: `npm run test:soak -- -t T13`.
 */
import { runWithTable, shareOf } from './lib/figures.mjs';
import { needRedis } from './lib/redis.mjs';
import { script } from './lib/run.mjs';

const SHORT_SHARE = 0.1;
const FLOOD_SECONDS = 30;

await script(async () => {
  const share = shareOf(SHORT_SHARE);
  const env = {
    REDIS_SERVER: await needRedis(),
    NEN_FLOOD_SECONDS: String(Math.ceil(FLOOD_SECONDS * share)),
  };
  return runWithTable('soak', { share, env });
});
