/** Says what happens and runs other programs, whose output is shown as it comes. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What ends a script with one line instead of a stack trace. */
export class Failure extends Error {}

/** @param {string} line */
export function say(line) {
  console.log(`> ${line}`);
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
let interrupted = false;

/**
 * Runs a program to its end. A signal that arrives meanwhile goes to it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options] `env` comes on top of the present one
 * @returns {Promise<number>} its exit code; 127 when it could not be started, 1 when a signal ended it
 */
export async function run(command, args, { cwd = root, env = {} } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32' && command === 'npm',
  });
  running.add(child);
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  running.delete(child);
  if (interrupted && running.size === 0) process.exit();
  return code;
}

/** @param {'SIGINT' | 'SIGTERM'} signal */
function interrupt(signal) {
  interrupted = true;
  process.exitCode = signal === 'SIGINT' ? 130 : 143;
  for (const child of running) child.kill(signal);
  if (running.size === 0) process.exit();
}

/** npm passes a signal to the shell that it started us with, which doesn't pass it on but ends. */
function endWithNpm() {
  const shell = process.ppid;
  const watch = () => process.ppid !== shell && !interrupted && interrupt('SIGTERM');
  setInterval(watch, 250).unref();
}

/**
 * Runs a script's main function: a Failure becomes one line, and the process ends with the code.
 * An interrupted script ends once the programs that it runs have ended.
 * @param {() => Promise<number>} main
 */
export async function script(main) {
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  if (process.env.npm_lifecycle_event) endWithNpm();
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    console.error(`! ${error.message}`);
    process.exitCode = 1;
  }
}
