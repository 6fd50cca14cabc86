import { Failure, run, say } from './run.mjs';

/** Builds the package into dist/. */
export async function buildPackage() {
  say('building');
  if ((await run('npm', ['run', '--silent', 'build'])) !== 0) throw new Failure('the build failed');
}
