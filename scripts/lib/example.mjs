/** The example apps: each installed, and built once for each state of what it is made from. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { install } from './install.mjs';
import { Failure, root, run, say } from './run.mjs';

const examplesFolder = join(root, 'examples');

/** Their names, the first one's first: it is what `npm start` shows. */
export const examples = ['next-trpc', 'secure-chat'].filter((name) =>
  existsSync(join(folderOf(name), 'package.json')),
);

/** @param {string} name */
export function folderOf(name) {
  return join(examplesFolder, name);
}

/**
 * Runs Next's own command without a wrapper in between, so that a signal reaches it.
 * @param {string} name of the example
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<number>} its exit code
 */
export function next(name, args, env = {}) {
  const bin = join(folderOf(name), 'node_modules', 'next', 'dist', 'bin', 'next');
  return run(process.execPath, [bin, ...args], {
    cwd: folderOf(name),
    // Under another NODE_ENV, such as a test runner's, Next would not read .env.local.
    env: { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', ...env },
  });
}

/**
 * Installs an example and builds it with the package as it was built last. Does nothing when the last
 * build was made from the same files.
 * @param {string} name
 */
export async function buildExample(name) {
  const folder = folderOf(name);
  await install(folder);
  refreshPackage(folder);
  makeKey(name);
  const stamp = join(folder, '.next', 'built-from');
  const inputs = inputsHash(folder);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return;
  say(`building the example ${name}`);
  if ((await next(name, ['build'])) !== 0) throw new Failure(`the example ${name} did not build`);
  writeFileSync(stamp, inputs);
}

/**
 * npm copied the package into the example, as it does for users: the copy gets what was built since.
 * @param {string} folder
 */
function refreshPackage(folder) {
  const copy = join(folder, 'node_modules', 'trpc-nen');
  if (lstatSync(copy).isSymbolicLink()) return;
  rmSync(join(copy, 'dist'), { recursive: true, force: true });
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
}

/**
 * Gives the server an identity and the page its pin, once: NEXT_PUBLIC_ values are built in, so this comes before
 * the build, and the server that is started later reads the same file.
 * @param {string} name
 */
function makeKey(name) {
  const file = join(folderOf(name), '.env.local');
  const present = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (process.env.NEN_IDENTITY || /^NEN_IDENTITY=/m.test(present)) return;
  const command = [join(root, 'dist', 'cli', 'main.js'), 'keygen', '--identity'];
  appendFileSync(file, execFileSync(process.execPath, command), { mode: 0o600 });
  say(`made a key for the example: examples/${name}/.env.local`);
}

/**
 * One hash over the package as built, the example's sources, and the variables a build takes in.
 * @param {string} exampleFolder
 */
function inputsHash(exampleFolder) {
  const hash = createHash('sha256');
  for (const folder of [join(root, 'dist'), exampleFolder]) {
    for (const file of filesIn(folder)) hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  const variables = Object.keys(process.env).filter((name) => /^NEXT_PUBLIC_|^NEN_IDENTITY$/.test(name));
  for (const name of variables.sort()) hash.update(`${name}=${process.env[name]}\0`);
  return hash.digest('hex');
}

const GENERATED = new Set(['node_modules', '.next', 'next-env.d.ts']);

/**
 * @param {string} folder
 * @returns {string[]} the paths of all files that a person wrote, sorted
 */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !GENERATED.has(name) && !name.endsWith('.tsbuildinfo'))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesIn(path) : [path];
    })
    .sort();
}
