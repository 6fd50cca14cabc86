/**
 * npm run bundle: what each entry weighs in a browser, and that it holds none of the other side's code.
 * Bundles every entry of package.json alone, with the optional peers left out. Needs a build.
 * `npm run bundle -- ./link` lists what that entry is made of, the heaviest file first.
 */
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { Failure, root, script } from './lib/run.mjs';

/** nenLink without @trpc/client, in bytes, minified and gzipped. */
const LINK_LIMIT_BYTES = 20_000;

/** @type {{ exports: Record<string, { default: string } | string>, peerDependencies: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const peers = Object.keys(manifest.peerDependencies);
const explained = process.argv[2];

await script(async () => {
  const faults = [];
  console.log('entry                      min bytes   min+gzip');
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const { code, parts, externals } = await bundle(entry, join(root, target.default));
    const holds = [...parts.keys(), ...externals];
    const gzipped = gzipSync(code, { level: 9 }).length;
    console.log(`${entry.padEnd(24)} ${String(code.length).padStart(11)} ${String(gzipped).padStart(10)}`);
    if (entry === explained) {
      for (const [file, bytes] of parts) console.log(`${String(bytes).padStart(36)}   ${file}`);
    }
    for (const [what, pattern] of forbiddenIn(entry)) {
      faults.push(
        ...holds.filter((name) => pattern.test(name)).map((name) => `${entry} holds ${what}: ${name}`),
      );
    }
    if (entry === './link' && gzipped > LINK_LIMIT_BYTES) {
      faults.push(`./link weighs ${gzipped} bytes min+gzip: the limit is ${LINK_LIMIT_BYTES}`);
    }
  }
  if (faults.length > 0) throw new Failure(faults.join('\n! '));
  return 0;
});

/**
 * @param {string} entry
 * @param {string} file
 * @returns {Promise<{ code: Uint8Array, parts: Map<string, number>, externals: string[] }>} the bundle, the bytes
 *   that each file has in it, and the packages that it imports when it runs
 */
async function bundle(entry, file) {
  if (!existsSync(file)) throw new Failure(`${entry} is not built: npm run build`);
  const { metafile, outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(file)};`, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    treeShaking: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: [...peers, ...peers.map((peer) => `${peer}/*`), 'node:*', ...builtinModules],
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const [output] = Object.values(metafile.outputs);
  const [code] = outputFiles;
  if (!output || !code) throw new Failure(`${entry}: esbuild made nothing of it`);
  const weights = Object.entries(output.inputs).map(
    ([path, { bytesInOutput }]) => /** @type {const} */ ([path, bytesInOutput]),
  );
  const parts = new Map(weights.filter(([, bytes]) => bytes > 0).sort((a, b) => b[1] - a[1]));
  const externals = output.imports.filter(({ external }) => external).map(({ path }) => path);
  return { code: code.contents, parts, externals };
}

/**
 * @param {string} entry
 * @returns {[what: string, pattern: RegExp][]}
 */
function forbiddenIn(entry) {
  /** @type {[string, RegExp][]} */
  const rules = [
    ['a module of Node', new RegExp(`^(node:.*|${builtinModules.join('|')})$`)],
    ['zod', /(^|node_modules\/)zod(\/|$)/],
  ];
  const isClient = ['./link', './client', './ai'].includes(entry);
  rules.push(
    isClient ? ["the server's code", /^dist\/(adapter|session)\//] : ["the client's code", /^dist\/link\//],
  );
  if (entry.startsWith('./session')) rules.push(["the adapter's code", /^dist\/adapter\//]);
  // Only the link and the adapters under tRPC's own names may need tRPC when they run.
  if (entry !== './link' && !entry.startsWith('./adapter/'))
    rules.push(['tRPC', /(^|node_modules\/)@trpc\//]);
  return rules;
}
