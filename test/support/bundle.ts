/** A TypeScript file as one file that Node runs: Node 20 runs no TypeScript, and a process of its own has no Vitest. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Bundled {
  readonly file: string;
  remove(): Promise<void>;
}

export async function bundleForNode(source: URL): Promise<Bundled> {
  const folder = await mkdtemp(join(tmpdir(), 'nen-test-'));
  const file = join(folder, 'main.mjs');
  await build({
    entryPoints: [fileURLToPath(source)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: file,
    logLevel: 'error',
  });
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
