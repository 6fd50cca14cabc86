/**
 * npm run test:faults: minutes of killing, freezing and cutting, with several processes under load, and a
 * table of the figures. `npm run test:faults -- --short` takes a quarter of the time and load of each, as CI
 * does (NEN_SHARE names another share). Other arguments go to vitest: `npm run test:faults -- -t T6`.
 */
import { runWithTable, shareOf } from './lib/figures.mjs';
import { tryNginx } from './lib/nginx.mjs';
import { needRedis } from './lib/redis.mjs';
import { script } from './lib/run.mjs';

const SHORT_SHARE = 0.25;

await script(async () => {
  const redis = await needRedis();
  const nginx = await tryNginx();
  const env = { REDIS_SERVER: redis, ...(nginx && { NGINX: nginx }) };
  return runWithTable('faults', { share: shareOf(SHORT_SHARE), env });
});
