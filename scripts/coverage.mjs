/**
 * npm run test:coverage: how much of src/ the tests run, and a failure below the thresholds: lines 95 %,
 * branches 90 %. Browser tests and the packed package are left out: what they run is the built package, in
 * processes of its own. So is src/cli, which its tests run as the command.
 * Arguments go to vitest. Plain Node without dependencies, because it runs before there are any.
 */
import { install } from './lib/install.mjs';
import { needRedis } from './lib/redis.mjs';
import { root, say, script } from './lib/run.mjs';
import { runVitest } from './lib/vitest.mjs';

const MIN_LINES_PERCENT = 95;
const MIN_BRANCHES_PERCENT = 90;

await script(async () => {
  const redis = await needRedis();
  await install(root);
  say('testing, with coverage');
  const options = [
    ...['node-crypto', 'noble', 'unit'].map((project) => `--project=${project}`),
    '--coverage',
    // Code that is counted is slow on a busy machine.
    '--testTimeout=60000',
    '--coverage.exclude=src/cli/**',
    '--coverage.reportOnFailure',
    `--coverage.thresholds.lines=${MIN_LINES_PERCENT}`,
    `--coverage.thresholds.branches=${MIN_BRANCHES_PERCENT}`,
  ];
  const env = redis === undefined ? {} : { REDIS_SERVER: redis };
  return runVitest([...options, ...process.argv.slice(2)], { env });
});
