/**
 * Starts the runtime suite (test/runtimes) in each runtime, behind that runtime's own HTTP server. Every one of
 * them answers the same routes: the application's, and `/checks/inside` and `/checks/client`.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cached, versionOf } from './cache.mjs';
import { nodeOf } from './nodes.mjs';
import { Failure, root } from './run.mjs';
import { bundleSuite } from './runtime-bundle.mjs';

/**
 * @typedef {object} Running
 * @property {string} version
 * @property {string} url where it listens
 * @property {boolean} [ends] whether what a client leaves is told to end, as everywhere but in workerd
 * @property {() => Promise<void>} stop
 */

const folder = join(root, '.cache', 'runtimes');
const START_TIMEOUT_MS = 30_000;
/** The suite asks for nothing newer; of it on, workerd takes fetch's `cache: 'no-store'`. */
const WORKERD_DATE = '2024-11-11';

/** @returns {Promise<Running>} */
export async function startNode(/** @type {string} */ executable) {
  return startProcess(executable, []);
}

/** @param {number} major */
export async function startNodeOf(major) {
  return startNode(await nodeOf(major));
}

export async function startDeno() {
  const deno = join(await cached('deno', '2'), '.bin', 'deno');
  return startProcess(deno, ['run', '--no-config', '--allow-net=127.0.0.1', '--allow-env']);
}

export async function startBun() {
  return startProcess(join(await cached('bun', '1'), '.bin', 'bun'), []);
}

/** @returns {Promise<Running>} */
export async function startWorkerd() {
  const modules = await cached('miniflare', '4');
  const outfile = join(folder, 'worker.mjs');
  await bundleSuite('worker', { outfile, platform: 'neutral' });
  const { Miniflare } = createRequire(join(modules, 'miniflare/'))('miniflare');
  const worker = new Miniflare({
    modules: [{ type: 'ESModule', path: outfile }],
    modulesRoot: folder,
    compatibilityDate: WORKERD_DATE,
    compatibilityFlags: ['enable_request_signal'],
    host: '127.0.0.1',
    port: 0,
  });
  const { origin } = await worker.ready;
  return { version: versionOf(modules, 'workerd'), url: origin, ends: false, stop: () => worker.dispose() };
}

/** @returns {Promise<Running>} */
export async function startEdge() {
  const modules = await cached('edge-runtime', '4');
  const outfile = join(folder, 'edge.js');
  await bundleSuite('edge', { outfile, platform: 'neutral', format: 'iife' });
  const { EdgeRuntime, runServer } = createRequire(join(modules, 'edge-runtime/'))('edge-runtime');
  const runtime = new EdgeRuntime({ initialCode: readFileSync(outfile, 'utf8') });
  const server = await runServer({ runtime, host: '127.0.0.1', port: 0 });
  const url = server.url.replace(/\/$/, '');
  return { version: versionOf(modules, 'edge-runtime'), url, stop: () => server.close() };
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<Running>}
 */
async function startProcess(command, args) {
  const outfile = join(folder, 'process.mjs');
  await bundleSuite('process', { outfile, platform: 'node' });
  const child = spawn(command, [...args, outfile], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill();
    await gone;
  };
  const line = await firstLine(child);
  if (line !== undefined) return { ...JSON.parse(line), stop };
  await stop();
  throw new Failure(`${command} did not start`);
}

/**
 * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, null>} child
 * @returns {Promise<string | undefined>} none if it ends or takes too long
 */
function firstLine(child) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, START_TIMEOUT_MS, undefined);
    const done = (/** @type {string | undefined} */ line) => {
      clearTimeout(timer);
      resolve(line);
    };
    createInterface({ input: child.stdout })
      .once('line', done)
      .once('close', () => done(undefined));
    child.once('error', () => done(undefined));
  });
}
