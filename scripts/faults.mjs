/**
 * npm run test:faults: minutes of killing, freezing and cutting, with several processes under load, and a
 * table of the figures. `npm run test:faults -- --short` takes a quarter of the time and load of each, as CI
 * does (NEN_FAULTS_SHARE names another share). Other arguments go to vitest: `npm run test:faults -- -t T6`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from './lib/install.mjs';
import { tryNginx } from './lib/nginx.mjs';
import { needRedis } from './lib/redis.mjs';
import { Failure, root, run, say, script } from './lib/run.mjs';

const SHORT_SHARE = '0.25';

await script(async () => {
  const redis = await needRedis();
  const nginx = await tryNginx();
  await install(root);
  say('building');
  if ((await run('npm', ['run', '--silent', 'build'])) !== 0) throw new Failure('the build failed');
  const folder = mkdtempSync(join(tmpdir(), 'nen-faults-'));
  const file = join(folder, 'report');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const short = process.argv.includes('--short');
  const args = process.argv.slice(2).filter((arg) => arg !== '--short');
  const env = {
    NEN_FAULTS_REPORT: file,
    REDIS_SERVER: redis,
    ...(nginx && { NGINX: nginx }),
    ...(short && { NEN_FAULTS_SHARE: SHORT_SHARE }),
  };
  const code = await run(process.execPath, [vitest, 'run', '--project', 'faults', ...args], { env });
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  rmSync(folder, { recursive: true });
  console.log('\n| target | what was done | aim | figures |\n|---|---|---|---|');
  for (const row of lines.map((line) => JSON.parse(line)).sort(byTarget))
    console.log(`| ${row.join(' | ')} |`);
  return code;
});

/**
 * T5 before T10; 'done when' comes first.
 * @param {string[]} one
 * @param {string[]} other
 */
function byTarget([one = ''], [other = '']) {
  return one.localeCompare(other, 'en', { numeric: true });
}
