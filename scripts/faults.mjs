/**
 * npm run test:faults: minutes of killing, freezing and cutting, with several processes under load, and a
 * table of the figures. Arguments go to vitest: `npm run test:faults -- -t T6`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { install } from './lib/install.mjs';
import { needRedis } from './lib/redis.mjs';
import { Failure, root, run, say, script } from './lib/run.mjs';

await script(async () => {
  const redis = await needRedis();
  await install(root);
  say('building');
  if ((await run('npm', ['run', '--silent', 'build'])) !== 0) throw new Failure('the build failed');
  const folder = mkdtempSync(join(tmpdir(), 'nen-faults-'));
  const file = join(folder, 'report');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { NEN_FAULTS_REPORT: file, REDIS_SERVER: redis };
  const code = await run(process.execPath, [vitest, 'run', '--project', 'faults', ...process.argv.slice(2)], {
    env,
  });
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  rmSync(folder, { recursive: true });
  console.log('\n| target | what was done | figures |\n|---|---|---|');
  for (const line of lines) console.log(`| ${JSON.parse(line).join(' | ')} |`);
  return code;
});
