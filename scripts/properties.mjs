/**
 * npm run test:properties: every property that tells how often it is tried, 25 times as often as in `npm test`.
 * NEN_PROPERTY_SCALE names another factor. A failure prints a seed and a path; NEN_PROPERTY_SEED and
 * NEN_PROPERTY_PATH bring it back. Other arguments go to vitest: `npm run test:properties -- -t Redis`.
 */
import { install } from './lib/install.mjs';
import { needRedis } from './lib/redis.mjs';
import { root, script } from './lib/run.mjs';
import { runVitest } from './lib/vitest.mjs';

const SCALE = '25';
const PROPERTIES = [
  'test/protocol/key-schedule',
  'test/session/stores.property',
  'test/faults/interleavings',
];

await script(async () => {
  const redis = await needRedis();
  await install(root);
  const env = { NEN_PROPERTY_SCALE: process.env.NEN_PROPERTY_SCALE ?? SCALE, REDIS_SERVER: redis };
  return runVitest([...PROPERTIES, ...process.argv.slice(2)], { env });
});
