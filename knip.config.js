/** Nothing unused: what the entries of package.json, the tests and the scripts don't reach is reported. */
import { readFileSync } from 'node:fs';

/** @type {{ bin: Record<string, string>, exports: Record<string, { default: string } | string> }} */
const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const built = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'string' ? [] : target.default,
);
const sources = [...built, ...Object.values(manifest.bin)].map((file) =>
  file.replace(/^(\.\/)?dist\//, 'src/').replace(/\.js$/, '.ts'),
);

export default {
  entry: [
    ...sources,
    'bench/*.mjs',
    'scripts/*.mjs',
    // Stryker loads it by its path.
    'scripts/lib/ignore-hints.mjs',
    '.ci/*.mjs',
    'test/setup/*.ts',
    'test/runtimes/entries/*.ts',
  ],
  project: ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.{ts,mjs}', 'scripts/**/*.mjs'],
  ignoreExportsUsedInFile: { interface: true, type: true },
};
