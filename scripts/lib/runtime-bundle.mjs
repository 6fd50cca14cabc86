/** The runtime suite as one file, bundled as an application's bundler does it: from dist, in place of src. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './run.mjs';

const entries = join(root, 'test', 'runtimes', 'entries');

/**
 * @param {string} entry one of test/runtimes/entries
 * @param {{ outfile: string, platform: 'browser' | 'node' | 'neutral', format?: 'esm' | 'iife', from?: 'dist' | 'src' }} options
 *   `from`: what was built, or the sources as they are
 */
export async function bundleSuite(entry, { outfile, platform, format = 'esm', from = 'dist' }) {
  await build({
    entryPoints: [join(entries, `${entry}.ts`)],
    outfile,
    bundle: true,
    platform,
    format,
    target: 'es2022',
    mainFields: ['module', 'main'],
    conditions: platform === 'neutral' ? ['worker'] : [],
    // An optional peer: whoever has no Redis has not installed it.
    external: ['ioredis'],
    define: { GOLDEN_TRANSCRIPTS: JSON.stringify(transcripts()) },
    plugins: from === 'dist' ? [fromDist] : [],
    logLevel: 'warning',
  });
}

/** @type {import('esbuild').Plugin} */
const fromDist = {
  name: 'from dist',
  setup({ onResolve }) {
    onResolve({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
      path: join(root, path.replace(/^.*\/src\//, 'dist/').replace(/\.ts$/, '.js')),
    }));
  },
};

/** @returns {Record<string, unknown>} the golden transcripts by the names of their files */
function transcripts() {
  const folder = join(root, 'test', 'vectors', 'golden');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return Object.fromEntries(
    files.map((file) => [
      file.slice(0, -'.json'.length),
      JSON.parse(readFileSync(join(folder, file), 'utf8')),
    ]),
  );
}
