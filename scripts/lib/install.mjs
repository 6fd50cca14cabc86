/** Installs a folder's dependencies when what lies in node_modules isn't what its lock file names. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Failure, root, run, say } from './run.mjs';

/** @typedef {{ version?: string, optional?: boolean, link?: boolean, resolved?: string }} LockedPackage */

/** @param {string} folder */
export async function install(folder) {
  if (isInstalled(folder)) return;
  say(`installing the dependencies of ${relative(root, folder) || 'the package'}`);
  // Not npm ci: it refuses a lock file that lacks the optional packages of other platforms, as one does that
  // was made with a registry without them. --no-save keeps to the lock file and leaves it as it is.
  // --include=dev: NODE_ENV=production in the environment would leave the tools out.
  const args = ['install', '--no-save', '--include=dev', '--no-fund', '--no-audit'];
  const code = await run('npm', args, { cwd: folder });
  if (code !== 0) throw new Failure(`npm install failed in ${relative(root, folder) || '.'}`);
}

/**
 * npm keeps a second lock file inside node_modules with what it put there.
 * Content is compared, not file times: those change with every checkout.
 * @param {string} folder
 */
function isInstalled(folder) {
  const present = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(present)) return false;
  const wanted = packagesOf(join(folder, 'package-lock.json'));
  const installed = packagesOf(present);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (!path.startsWith('node_modules/')) return true;
    const there = installed[path];
    // Optional ones are for other platforms: npm leaves them out.
    return there ? there.version === version : optional === true;
  });
}

/**
 * @param {string} lockFile
 * @returns {Record<string, LockedPackage>}
 */
function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
}
