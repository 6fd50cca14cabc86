/** The nginx that some fault tests put in front. They can do without: then they say that they were skipped. */
import { findProgram, installLine, needProgram } from './program.mjs';
import { Failure, say } from './run.mjs';

const NGINX = {
  variable: 'NGINX',
  names: ['nginx'],
  // Debian's is where only root's PATH leads.
  paths: ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'],
  debian: 'nginx',
  brew: 'nginx',
  purpose: 'the tests with a proxy in front',
};

export const findNginx = () => findProgram(NGINX);

/** Why tests without it are skipped. */
export const NGINX_MISSING = `needs nginx: ${installLine(NGINX)}   (or set NGINX to its path)`;

/** @returns {Promise<string | undefined>} its path; undefined, which is said, where it is not to be had */
export async function tryNginx() {
  try {
    return await needProgram(NGINX);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${error.message}; they are skipped`);
    return undefined;
  }
}
