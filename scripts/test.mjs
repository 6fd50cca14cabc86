/**
 * npm test: everything, on a fresh clone with nothing but Node and npm.
 * Installs what is missing (a browser, redis-server and nginx included), builds, type-checks and runs all tests.
 * Arguments go to vitest: `npm test -- test/crypto`, `npm test -- -t 'replay'`, `npm test -- --coverage`.
 * Plain Node without dependencies, because it runs before there are any.
 */
import { buildPackage } from './lib/build.mjs';
import { findChromium, needChromium } from './lib/chromium.mjs';
import { buildExample, examples } from './lib/example.mjs';
import { install } from './lib/install.mjs';
import { findNginx, tryNginx } from './lib/nginx.mjs';
import { findRedis, needRedis } from './lib/redis.mjs';
import { Failure, root, run, say, script } from './lib/run.mjs';
import { runVitest } from './lib/vitest.mjs';

const args = process.argv.slice(2);

await script(async () => {
  // A run that is narrowed to other folders needs no browser and no example.
  const withBrowser = selects(/e2e/);
  const browser = withBrowser ? await needChromium() : findChromium();
  const redis = selects(/faults|session|redis|e2e/) ? await needRedis() : findRedis();
  const nginx = selects(/faults|nginx/) ? await tryNginx() : findNginx();
  await install(root);

  await buildPackage();

  say('checking types');
  const typecheck = run('npm', ['run', '--silent', 'typecheck']);
  if (withBrowser) for (const example of examples) await buildExample(example);
  const types = await typecheck;

  say(browser ? `testing, browser tests with ${browser}` : 'testing');
  const env = {
    NEN_BUILT: '1',
    ...(browser && { CHROMIUM: browser }),
    ...(redis && { REDIS_SERVER: redis }),
    ...(nginx && { NGINX: nginx }),
  };
  const tests = await runVitest(args, { env });

  if (types !== 0) throw new Failure('the type check failed: see above');
  return tests;
});

/**
 * Whether the run is all of the tests, or names some of these.
 * @param {RegExp} tests
 */
function selects(tests) {
  const filters = args.filter((arg) => !arg.startsWith('-'));
  return filters.length === 0 || filters.some((filter) => tests.test(filter));
}
