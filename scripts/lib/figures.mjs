/** Runs a project of long tests (vitest.config.ts) and prints the figures that they report as one table. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackage } from './build.mjs';
import { install } from './install.mjs';
import { root } from './run.mjs';
import { runVitest } from './vitest.mjs';

/**
 * How much of its time and load a run takes: all of it, `shortShare` of it with --short, or what NEN_SHARE names.
 * @param {number} shortShare
 */
export function shareOf(shortShare) {
  if (process.argv.includes('--short')) return shortShare;
  return Number(process.env.NEN_SHARE || 1);
}

/** Arguments of the script other than --short go to vitest. */
export function vitestArguments() {
  return process.argv.slice(2).filter((arg) => arg !== '--short');
}

/**
 * @param {string} project
 * @param {{ share: number, env: Record<string, string> }} options
 * @returns {Promise<number>} the exit code
 */
export async function runWithTable(project, { share, env }) {
  await install(root);
  await buildPackage();
  const folder = mkdtempSync(join(tmpdir(), `nen-${project}-`));
  const file = join(folder, 'figures');
  const code = await runVitest(['--project', project, ...vitestArguments()], {
    env: { ...env, NEN_FIGURES: file, NEN_SHARE: String(share) },
  });
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  rmSync(folder, { recursive: true });
  console.log('\n| target | what was done | aim | figures |\n|---|---|---|---|');
  for (const row of lines.map((line) => JSON.parse(line)).sort(byTarget))
    console.log(`| ${row.join(' | ')} |`);
  return code;
}

/**
 * T5 before T10; 'done when' comes first.
 * @param {string[]} one
 * @param {string[]} other
 */
function byTarget([one = ''], [other = '']) {
  return one.localeCompare(other, 'en', { numeric: true });
}
