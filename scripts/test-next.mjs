/**
 * npm run test:next: the example on Next 14, 15 and 16, each in a temporary folder with the packed package:
 * installed, built, started, and called through the seal. On Next 14 its page, which needs React 19, is a plain one.
 * `npm run test:next -- 15` picks one. Minutes, most of them Next's builds.
 */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { install } from './lib/install.mjs';
import { MAJORS, writeApp } from './lib/next-app.mjs';
import { sealedCalls } from './lib/next-calls.mjs';
import { Failure, root, run, say, script } from './lib/run.mjs';

/**
 * @typedef {import('./lib/next-app.mjs').Major} Major
 * @typedef {{ next: string, react: string, result: string, buildSeconds: number, seconds: number }} Row
 */

const START_TIMEOUT_MS = 60_000;
const CALL_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5000;
const POLL_MS = 200;

/** Under another NODE_ENV Next would not read .env.local. The lock file is npm's, so Next needn't mend it. */
const NEXT_ENV = {
  NEXT_TELEMETRY_DISABLED: '1',
  NODE_ENV: 'production',
  NEXT_IGNORE_INCORRECT_LOCKFILE: '1',
};
const PASSED = 'passed';

await script(async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in MAJORS));
  if (unknown) throw new Failure(`no such major: ${unknown}; there are ${Object.keys(MAJORS).join(', ')}`);
  await install(root);
  const folder = mkdtempSync(join(tmpdir(), 'nen-next-'));
  /** @type {Row[]} */
  const rows = [];
  try {
    const tarball = await pack(folder);
    for (const [name, major] of Object.entries(MAJORS)) {
      if (wanted.length === 0 || wanted.includes(name))
        rows.push(await test(major, join(folder, name), tarball));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log('\nNext       React      build s   in all s   result');
  for (const { next, react, buildSeconds, seconds, result } of rows) {
    const times = `${buildSeconds.toFixed(0).padStart(7)}${seconds.toFixed(0).padStart(11)}`;
    console.log(`${next.padEnd(11)}${react.padEnd(11)}${times}   ${result}`);
  }
  return rows.every(({ result }) => result === PASSED) ? 0 : 1;
});

/**
 * Packs what is built beside dist, which others may be using.
 * @param {string} folder
 * @returns {Promise<string>} the path of the tarball
 */
async function pack(folder) {
  say('building and packing the package');
  const staged = join(folder, 'package');
  mkdirSync(staged);
  for (const file of ['package.json', 'README.md', 'LICENSE', 'PROTOCOL.md', 'CHANGELOG.md']) {
    cpSync(join(root, file), join(staged, file));
  }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', join(staged, 'dist')];
  if ((await run(process.execPath, args)) !== 0) throw new Failure('the build failed');
  if ((await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: staged })) !== 0) {
    throw new Failure('npm pack failed');
  }
  const { name, version } = JSON.parse(readFileSync(join(staged, 'package.json'), 'utf8'));
  return join(folder, `${name}-${version}.tgz`);
}

/**
 * @param {Major} major
 * @param {string} folder
 * @param {string} tarball
 * @returns {Promise<Row>}
 */
async function test(major, folder, tarball) {
  const startedAt = Date.now();
  const row = { next: '-', react: '-', buildSeconds: 0, result: PASSED };
  try {
    say(`${major.name}: installing`);
    writeApp(folder, major, tarball);
    const flags = ['--include=dev', '--no-fund', '--no-audit', '--prefer-offline'];
    if ((await run('npm', ['install', ...flags], { cwd: folder })) !== 0) throw new Failure('install');
    row.next = versionIn(folder, 'next');
    row.react = versionIn(folder, 'react');
    const pins = makeKey(folder);

    say(`${major.name}: building`);
    const buildAt = Date.now();
    const built = await run(process.execPath, [nextIn(folder), 'build'], { cwd: folder, env: NEXT_ENV });
    row.buildSeconds = (Date.now() - buildAt) / 1000;
    if (built !== 0) throw new Failure('build');

    say(`${major.name}: calling`);
    await serve(folder, async (origin) => {
      for (const { name, check } of await sealedCalls({ folder, origin, pins })) {
        await within(CALL_TIMEOUT_MS, check()).catch((error) => {
          throw new Failure(`${name}: ${error instanceof Error ? error.message : error}`);
        });
      }
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    row.result = `FAILED at ${error.message}`;
  }
  return { ...row, seconds: (Date.now() - startedAt) / 1000 };
}

/** @param {string} folder */
function nextIn(folder) {
  return join(folder, 'node_modules', 'next', 'dist', 'bin', 'next');
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {string}
 */
function versionIn(folder, name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/**
 * The server's key, made as the README says, by the packed command.
 * @param {string} folder
 * @returns {string[]} its pins
 */
function makeKey(folder) {
  const command = join(folder, 'node_modules', 'trpc-nen', 'dist', 'cli', 'main.js');
  const made = execFileSync(process.execPath, [command, 'keygen', '--identity'], { encoding: 'utf8' });
  appendFileSync(join(folder, '.env.local'), made, { mode: 0o600 });
  const pins = /^NEXT_PUBLIC_NEN_PINS=(.+)$/m.exec(made)?.[1];
  if (!pins) throw new Failure('keygen: it printed no pins');
  return pins.split(',');
}

/**
 * Starts the built app and ends it after the work, however that went.
 * @param {string} folder
 * @param {(origin: string) => Promise<void>} work
 */
async function serve(folder, work) {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const server = spawn(process.execPath, [nextIn(folder), 'start', '-H', 'localhost', '-p', String(port)], {
    cwd: folder,
    env: { ...process.env, ...NEXT_ENV },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  try {
    await answers(origin, server);
    await work(origin);
  } finally {
    server.kill();
    await within(STOP_TIMEOUT_MS, ended).catch(kill);
    await ended;
    process.off('exit', kill);
  }
}

/**
 * @param {string} origin
 * @param {import('node:child_process').ChildProcess} server
 */
async function answers(origin, server) {
  const latest = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < latest && server.exitCode === null) {
    const response = await fetch(origin).catch(() => undefined);
    await response?.body?.cancel();
    if (response) return;
    await sleep(POLL_MS);
  }
  throw new Failure(
    server.exitCode === null ? 'start: no answer' : `start: it ended with ${server.exitCode}`,
  );
}

/** @returns {Promise<number>} */
async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, 'localhost', () => resolve(undefined)));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Failure('start: no free port');
  return address.port;
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} work
 * @returns {Promise<T>}
 */
async function within(ms, work) {
  const done = new AbortController();
  const late = sleep(ms, undefined, { signal: done.signal }).then(() => {
    throw new Error(`not within ${ms / 1000} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
    late.catch(() => {});
  }
}
