/** Finds the browser for the end-to-end tests, or installs Debian's. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure, run, say } from './run.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC_APPS = ['Chromium', 'Google Chrome'].map((app) => `/Applications/${app}.app/Contents/MacOS/${app}`);

/**
 * CHROMIUM, when set, decides; else a browser that is in its usual place.
 * @returns {string | undefined} the path of an executable
 */
export function findChromium() {
  const chosen = process.env.CHROMIUM;
  if (chosen) {
    if (!isExecutable(chosen)) throw new Failure(`CHROMIUM is set, but ${chosen} can't be run`);
    return chosen;
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const places = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...places, ...MAC_APPS].find(isExecutable);
}

/**
 * Installs a browser where that can be done without asking: as root on Debian.
 * @returns {Promise<string>} the path of an executable
 */
export async function needChromium() {
  const present = findChromium();
  if (present) return present;
  if (process.getuid?.() === 0 && isDebian()) {
    say('installing chromium for the browser tests (apt-get)');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], { env });
    const installed = findChromium();
    if (installed) return installed;
    throw new Failure('apt-get could not install chromium; set CHROMIUM to the path of a Chromium or Chrome');
  }
  const command = process.platform === 'darwin' ? 'brew install --cask chromium' : installLine();
  throw new Failure(`the browser tests need Chromium: ${command}   (or set CHROMIUM to the path of one)`);
}

function installLine() {
  return 'sudo apt-get update && sudo apt-get install -y chromium';
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
