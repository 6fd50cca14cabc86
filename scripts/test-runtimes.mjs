/**
 * npm run test:runtimes: one suite in every runtime that the package is for. Each runs the golden transcripts
 * and both sides in one process ("inside"), its client against a Node server ("client"), and its server, behind
 * its own HTTP, against a Node client ("server"). `npm run test:runtimes -- deno bun` picks some.
 * The runtimes are npm packages, kept in .cache/packages; delete that to get newer ones.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildPackage } from './lib/build.mjs';
import { findChromium } from './lib/chromium.mjs';
import { install } from './lib/install.mjs';
import { NODE_MAJORS } from './lib/nodes.mjs';
import { Failure, root, say, script } from './lib/run.mjs';
import { bundleSuite } from './lib/runtime-bundle.mjs';
import { startBun, startDeno, startEdge, startNode, startNodeOf, startWorkerd } from './lib/runtimes.mjs';

/**
 * @typedef {{ title: string, error?: string }} Outcome
 * @typedef {{ cryptography: string, outcomes: Outcome[] }} Report
 * @typedef {'inside' | 'client' | 'server'} Role
 * @typedef {{ version: string, cryptography: string, roles: Partial<Record<Role, Outcome[]>> }} Result
 * @typedef {import('./lib/runtimes.mjs').Running} Running
 */

/** A whole report, of some hundred checks. */
const CHECK_TIMEOUT_MS = 120_000;

/** @type {Record<string, (reference: Running) => Promise<Result>>} */
const RUNTIMES = {
  ...Object.fromEntries(NODE_MAJORS.map((major) => [`node${major}`, serving(() => startNodeOf(major))])),
  deno: serving(startDeno),
  bun: serving(startBun),
  workerd: serving(startWorkerd),
  'edge-runtime': serving(startEdge),
  chromium: inPage,
  'react-native': (reference) => inReactNative('bare', reference),
  'react-native, expo/fetch': (reference) => inReactNative('expo', reference),
};

await script(async () => {
  const wanted = process.argv.slice(2);
  const names = Object.keys(RUNTIMES).filter((name) => wanted.length === 0 || wanted.includes(name));
  if (names.length === 0) throw new Failure(`runtimes: ${Object.keys(RUNTIMES).join(', ')}`);
  await install(root);
  await buildPackage();

  const reference = await startNode(process.execPath);
  const results = [];
  try {
    for (const name of names) results.push(await test(name, reference));
  } finally {
    await reference.stop();
  }
  show(results);
  return results.every(({ failed }) => failed === 0) ? 0 : 1;
});

/**
 * @typedef {Result & { name: string, seconds: number, failed: number }} Row
 * @param {string} name
 * @param {Running} reference
 * @returns {Promise<Row>}
 */
async function test(name, reference) {
  say(`testing in ${name}`);
  const startedAt = performance.now();
  /** @type {Result} */
  const result = (await RUNTIMES[name]?.(reference)) ?? { version: '', cryptography: '', roles: {} };
  const seconds = (performance.now() - startedAt) / 1000;
  let failed = 0;
  for (const [role, outcomes] of Object.entries(result.roles)) {
    for (const { title, error } of outcomes) {
      if (error === undefined) continue;
      failed++;
      console.log(`! ${name}, ${role}: ${title}\n${error}\n`);
    }
    if (outcomes.length === 0) failed++;
  }
  return { ...result, name, seconds, failed };
}

/**
 * @param {() => Promise<Running>} start
 * @returns {(reference: Running) => Promise<Result>}
 */
function serving(start) {
  return async (reference) => {
    const running = await start();
    try {
      const inside = await check(`${running.url}/checks/inside`);
      const client = await check(
        `${running.url}/checks/client?${new URLSearchParams({ origin: reference.url })}`,
      );
      const to = new URLSearchParams({ origin: running.url, ends: String(running.ends ?? true) });
      const server = await check(`${reference.url}/checks/client?${to}`);
      const roles = { inside: inside.outcomes, client: client.outcomes, server: server.outcomes };
      return { version: running.version, cryptography: inside.cryptography, roles };
    } finally {
      await running.stop();
    }
  };
}

/**
 * @param {string} url
 * @returns {Promise<Report>}
 */
async function check(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) });
  if (!response.ok) throw new Failure(`${url} answered ${response.status}: ${await response.text()}`);
  return /** @type {Promise<Report>} */ (response.json());
}

/**
 * Chromium: the client side, and the golden transcripts, in a page of the server's own origin.
 * @param {Running} reference
 * @returns {Promise<Result>}
 */
async function inPage(reference) {
  const executablePath = findChromium();
  if (!executablePath) throw new Failure('chromium is not installed: npm test does it, or set CHROMIUM');
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    await page.goto(reference.url);
    const path = join(root, '.cache', 'runtimes', 'page.js');
    await bundleSuite('page', { outfile: path, platform: 'browser', format: 'iife' });
    await page.addScriptTag({ path });
    /** @type {{ golden: Outcome[], client: Report }} */
    const { golden, client } = await page.evaluate('checkPage()');
    const roles = { inside: golden, client: client.outcomes };
    return { version: browser.version(), cryptography: client.cryptography, roles };
  } finally {
    await browser.close();
  }
}

/**
 * React Native's client side, as far as Node can be made to look like it.
 * @param {'bare' | 'expo'} mode
 * @param {Running} reference
 * @returns {Promise<Result>}
 */
async function inReactNative(mode, reference) {
  const outfile = join(root, '.cache', 'runtimes', 'react-native.mjs');
  await bundleSuite('react-native', { outfile, platform: 'node' });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, mode, reference.url]);
  /** @type {{ cryptography: string, golden: Outcome[], client: Outcome[] }} */
  const { cryptography, golden, client } = JSON.parse(stdout);
  return { version: 'in Node', cryptography, roles: { inside: golden, client } };
}

/** @param {readonly Row[]} rows */
function show(rows) {
  const columns = [
    'runtime',
    'version',
    'inside',
    'client',
    'server',
    'failed',
    'seconds',
    'cryptography of its own',
  ];
  const lines = rows.map(({ name, version, roles, failed, seconds, cryptography }) => [
    ...[name, version, passed(roles.inside), passed(roles.client), passed(roles.server)],
    ...[String(failed), seconds.toFixed(0), cryptography],
  ]);
  const widths = columns.map((_, i) => Math.max(...[columns, ...lines].map((line) => line[i]?.length ?? 0)));
  console.log();
  for (const line of [columns, ...lines]) {
    console.log(
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

/** @param {readonly Outcome[] | undefined} outcomes */
function passed(outcomes) {
  return outcomes === undefined ? '-' : String(outcomes.filter(({ error }) => error === undefined).length);
}
