/** A TypeScript file as one file that Node runs: Node 20 runs no TypeScript, and a process of its own has no Vitest. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Bundled {
  readonly file: string;
  remove(): Promise<void>;
}

export interface BundleOptions {
  /** Packages are imported where they are installed: for those that can't be bundled. */
  readonly installed?: boolean;
}

const cache = fileURLToPath(new URL('../../.cache', import.meta.url));

export async function bundleForNode(
  source: URL,
  { installed = false }: BundleOptions = {},
): Promise<Bundled> {
  // What is installed is found from a folder of this project only.
  if (installed) await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(installed ? cache : tmpdir(), 'nen-test-'));
  const file = join(folder, 'main.mjs');
  await build({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    ...(installed && { packages: 'external' as const }),
    outfile: file,
    logLevel: 'error',
  });
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
