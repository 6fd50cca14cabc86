/**
 * npm packages that only some scripts need and that are large, such as other runtimes: kept in .cache/packages
 * and out of devDependencies. Delete that folder to get newer ones.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, root, run, say } from './run.mjs';

const cache = join(root, '.cache', 'packages');

/**
 * Installs a package with all that it needs, unless it is there.
 * @param {string} name
 * @param {string} range such as '2'
 * @returns {Promise<string>} the node_modules folder that it is in
 */
export async function cached(name, range) {
  const folder = join(cache, `${name.replace('/', '+')}@${range}`);
  const modules = join(folder, 'node_modules');
  if (existsSync(modules)) return modules;
  say(`installing ${name} ${range} into .cache/packages`);
  // Under another name until it is whole: an installation that was interrupted must not pass for one.
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, 'package.json'), '{ "private": true }\n');
  const flags = ['--no-save', '--no-package-lock', '--no-fund', '--no-audit', '--loglevel=error'];
  const code = await run('npm', ['install', ...flags, `${name}@${range}`], { cwd: unfinished });
  if (code !== 0) throw new Failure(`npm has no ${name}@${range} to give`);
  renameSync(unfinished, folder);
  return modules;
}

/**
 * @param {string} modules a node_modules folder
 * @param {string} name of a package in it
 * @returns {string}
 */
export function versionOf(modules, name) {
  return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version;
}
