/** Finds the programs that tests start (a browser, redis-server, nginx), or installs Debian's. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure, run, say } from './run.mjs';

/**
 * @typedef {object} Program
 * @property {string} variable the environment variable that holds its path, which decides when set
 * @property {readonly string[]} names what it may be called
 * @property {readonly string[]} [paths] where it may lie beside the folders of PATH
 * @property {string} debian the package that holds it
 * @property {string} brew what follows `brew install` on a Mac
 * @property {string} purpose 'the browser tests'
 */

/**
 * @param {Program} program
 * @returns {string | undefined} the path of an executable
 */
export function findProgram({ variable, names, paths = [] }) {
  const chosen = process.env[variable];
  if (chosen) {
    if (!isExecutable(chosen)) throw new Failure(`${variable} is set, but ${chosen} can't be run`);
    return chosen;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const named = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return [...named, ...paths].find(isExecutable);
}

/**
 * Installs it where that can be done without asking: as root on Debian.
 * @param {Program} program
 * @returns {Promise<string>} the path of an executable
 */
export async function needProgram(program) {
  const present = findProgram(program);
  if (present) return present;
  const { debian, purpose, variable } = program;
  if (process.getuid?.() !== 0 || !isDebian()) {
    throw new Failure(
      `${purpose} need ${debian}: ${installLine(program)}   (or set ${variable} to its path)`,
    );
  }
  say(`installing ${debian} for ${purpose} (apt-get)`);
  // Some packages start a server of their own, which nobody asked for: not in single-user mode.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', debian], { env });
  const installed = findProgram(program);
  if (installed) return installed;
  throw new Failure(`apt-get could not install ${debian}; set ${variable} to the path of one`);
}

/**
 * The line that installs it on this system.
 * @param {Program} program
 */
export function installLine({ debian, brew }) {
  return process.platform === 'darwin'
    ? `brew install ${brew}`
    : `sudo apt-get update && sudo apt-get install -y ${debian}`;
}

function isDebian() {
  try {
    return /^ID=["']?debian["']?$/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
