/**
 * npm run test:mutation: Stryker changes src/crypto, src/protocol and src/session one bit of meaning at a time, and
 * the tests must notice. Names what they don't notice, and the score: killed mutants of all. Hours for everything;
 * `npm run test:mutation -- src/protocol/padding.ts src/protocol/http.ts` takes minutes.
 * Stryker is heavy, and nothing else needs it: it is kept in .cache/mutation.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { install } from './lib/install.mjs';
import { nodeOf } from './lib/nodes.mjs';
import { findRedis } from './lib/redis.mjs';
import { Failure, root, run, say, script } from './lib/run.mjs';

const VERSION = '9.6.1';
/** The first whose node:crypto and WebCrypto have all of the cryptography, so that nothing is left out. */
const NODE_MAJOR = 24;
const MIN_SCORE_PERCENT = 85;
const ROOMS = ['crypto', 'protocol', 'session'];
/** Of no use to the tests: not copied into the sandboxes. */
const NOT_NEEDED = ['.cache', 'dist', 'examples', 'bench', 'models', 'docs', 'coverage'];

const folder = join(root, '.cache', 'mutation');
const stryker = join(folder, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
const report = join(folder, 'report.json');

await script(async () => {
  await install(root);
  await installStryker();
  const files = process.argv.slice(2);
  const node = await nodeOf(NODE_MAJOR);
  rmSync(report, { force: true });
  let worst = 0;
  for (const room of ROOMS) {
    const mutate =
      files.length === 0 ? [`src/${room}/**/*.ts`] : files.filter((file) => file.startsWith(`src/${room}/`));
    if (mutate.length > 0) worst = Math.max(worst, await mutateRoom(node, room, mutate));
  }
  if (existsSync(report)) printScores();
  return worst;
});

/**
 * What is known of other rooms stays in the report.
 * @param {string} node
 * @param {string} room
 * @param {readonly string[]} mutate
 */
async function mutateRoom(node, room, mutate) {
  const config = join(folder, 'stryker.json');
  writeFileSync(config, JSON.stringify(options(mutate), undefined, 2));
  const redis = findRedis();
  const env = {
    // The tests run in copies of the repository, which have none beside them.
    NEN_VECTORS: join(root, '..', 'shared', 'vectors'),
    // Every mutant repeats the properties: a tenth of the cases is enough to see what is broken.
    NEN_PROPERTY_SCALE: '0.1',
    ...process.env,
    ...(redis !== undefined && { REDIS_SERVER: redis }),
    NEN_MUTATION_ROOM: room,
  };
  return run(node, [stryker, 'run', relative(root, config)], { env });
}

/** @param {readonly string[]} mutate */
function options(mutate) {
  const inCache = (/** @type {string} */ name) => relative(root, join(folder, name));
  return {
    mutate,
    plugins: ['@stryker-mutator/vitest-runner', join(root, 'scripts', 'lib', 'ignore-hints.mjs')],
    ignorers: ['hints'],
    testRunner: 'vitest',
    vitest: { configFile: 'vitest.mutation.config.ts' },
    concurrency: Number(process.env.NEN_MUTATION_CONCURRENCY ?? 2),
    ignoreStatic: true,
    timeoutMS: 10_000,
    reporters: ['clear-text', 'json', 'progress-append-only'],
    clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
    jsonReporter: { fileName: inCache('report.json') },
    incremental: true,
    incrementalFile: inCache('incremental.json'),
    tempDirName: inCache('sandboxes'),
    ignorePatterns: NOT_NEEDED,
    thresholds: { high: 95, low: MIN_SCORE_PERCENT, break: MIN_SCORE_PERCENT },
    // The types of a mutant don't matter: what is run is JavaScript.
    disableTypeChecks: false,
    checkers: [],
  };
}

async function installStryker() {
  if (existsSync(stryker)) return;
  say(`installing Stryker ${VERSION} into .cache/mutation`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  // Its peer is the vitest of the package, found above this folder.
  const flags = ['--no-save', '--no-package-lock', '--no-fund', '--no-audit', '--legacy-peer-deps'];
  const packages = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${VERSION}`);
  const code = await run('npm', ['install', ...flags, ...packages], { cwd: folder });
  if (code !== 0) throw new Failure('Stryker could not be installed');
}

/** A line for each file. */
function printScores() {
  /** @type {{ files: Record<string, { mutants: { status: string }[] }> }} */
  const { files } = JSON.parse(readFileSync(report, 'utf8'));
  console.log('\nfile                                     killed  survived  score');
  for (const [file, { mutants }] of Object.entries(files)) {
    const count = (/** @type {string[]} */ ...names) =>
      mutants.filter(({ status }) => names.includes(status)).length;
    const killed = count('Killed', 'Timeout');
    const survived = count('Survived', 'NoCoverage');
    if (killed + survived === 0) continue;
    const score = ((100 * killed) / (killed + survived)).toFixed(1);
    console.log(
      `${file.padEnd(40)}${String(killed).padStart(7)}${String(survived).padStart(10)}${score.padStart(7)}`,
    );
  }
}
