/** Runs vitest without a wrapper in between, so that a signal reaches it. */
import { join } from 'node:path';
import { root, run } from './run.mjs';

const VITEST = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/**
 * @param {readonly string[]} args
 * @param {{ env?: Record<string, string>, node?: string }} [options] `node` is the path of an executable
 * @returns {Promise<number>} its exit code
 */
export function runVitest(args, { env = {}, node = process.execPath } = {}) {
  return run(node, [VITEST, 'run', ...args], { env });
}
