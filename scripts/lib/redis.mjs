/** Finds the redis-server that the store and fault tests start, or installs Debian's. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure, run, say } from './run.mjs';

const NAME = 'redis-server';

/**
 * REDIS_SERVER, when set, decides; else the one in PATH.
 * @returns {string | undefined} the path of an executable
 */
export function findRedis() {
  const chosen = process.env.REDIS_SERVER;
  if (chosen) {
    if (!isExecutable(chosen)) throw new Failure(`REDIS_SERVER is set, but ${chosen} can't be run`);
    return chosen;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, NAME)).find(isExecutable);
}

/**
 * Installs it where that can be done without asking: as root on Debian.
 * @returns {Promise<string>} the path of an executable
 */
export async function needRedis() {
  const present = findRedis();
  if (present) return present;
  if (process.getuid?.() === 0 && isDebian()) {
    say('installing redis-server for the tests of the shared stores (apt-get)');
    // The package starts a server of its own, which nobody asked for: policy-rc.d's exit 101 says no.
    const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', NAME], { env });
    const installed = findRedis();
    if (installed) return installed;
    throw new Failure('apt-get could not install redis-server; set REDIS_SERVER to the path of one');
  }
  const command =
    process.platform === 'darwin'
      ? 'brew install redis'
      : 'sudo apt-get update && sudo apt-get install -y redis-server';
  throw new Failure(`the tests of the shared stores need redis-server: ${command}   (or set REDIS_SERVER)`);
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
