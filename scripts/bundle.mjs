/**
 * npm run bundle: what each entry weighs in a browser, and that it holds none of the other side's code.
 * Bundles every entry of package.json alone, with the optional peers left out, as an application's bundler
 * does: what import() loads is in chunks of its own. Needs a build.
 * `npm run bundle -- ./link` lists what each chunk of that entry is made of, the heaviest file first.
 */
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { Failure, root, script } from './lib/run.mjs';

/** What nenLink without @trpc/client must not grow beyond, as it is loaded at once, minified and gzipped. */
const LINK_LIMIT_BYTES = 19_200;

/**
 * What a client loads later: what opens streams, with its first session; signatures, X-Wing and subscriptions when they
 * are asked for; noble's side of the primitives or node:crypto's, in a runtime whose WebCrypto has not all of them.
 */
const LATER =
  /(^|[^-])ml-dsa(-65)?\.js$|ml-dsa-65-signer|@noble\/|\/x-wing\.js|x25519-noble|crypto\/(noble(-hash)?|node|node-ml-kem-768)\.js|link\/(subscription-link|client\/(event-source|open-stream))\.js|protocol\/stream\.js|eventsource-parser/;

/** @type {{ exports: Record<string, { default: string } | string>, peerDependencies: Record<string, string> }} */
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const peers = Object.keys(manifest.peerDependencies);
const explained = process.argv[2];

const OPTIONS = /** @type {const} @satisfies {import('esbuild').BuildOptions} */ ({
  absWorkingDir: root,
  bundle: true,
  minify: true,
  treeShaking: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  external: [...peers, ...peers.map((peer) => `${peer}/*`), 'node:*', ...builtinModules],
  write: false,
  logLevel: 'warning',
});

/** @type {import('esbuild').Plugin} */
const LATER_LEFT_OUT = {
  name: 'later-left-out',
  setup({ onResolve }) {
    onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path, external: true } : undefined,
    );
  },
};

await script(async () => {
  const faults = [];
  console.log('entry                    at once: min     min+gzip   on demand: min+gzip');
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') continue;
    const file = join(root, target.default);
    const { chunks, externals } = await bundle(entry, file);
    const { bytes, gzipped } = await bundleAtOnce(file);
    const atOnce = chunks.filter((chunk) => chunk.atOnce);
    const later = chunks.filter((chunk) => !chunk.atOnce);
    const figures = [bytes, gzipped, later.reduce((total, chunk) => total + chunk.gzipped, 0)];
    console.log(entry.padEnd(24) + figures.map((figure) => String(figure).padStart(13)).join(''));
    if (entry === explained) for (const chunk of chunks) explain(chunk);
    const holds = [...chunks.flatMap(({ parts }) => [...parts.keys()]), ...externals];
    for (const [what, pattern] of forbiddenIn(entry)) {
      faults.push(
        ...holds.filter((name) => pattern.test(name)).map((name) => `${entry} holds ${what}: ${name}`),
      );
    }
    for (const name of atOnce.flatMap(({ parts }) => [...parts.keys()])) {
      if (isClient(entry) && LATER.test(name))
        faults.push(`${entry} holds at once what only some clients need: ${name}`);
    }
    if (entry !== './link') continue;
    if (gzipped > LINK_LIMIT_BYTES) {
      faults.push(`./link weighs ${gzipped} bytes min+gzip: the limit is ${LINK_LIMIT_BYTES}`);
    }
  }
  if (faults.length > 0) throw new Failure(faults.join('\n! '));
  return 0;
});

/**
 * @typedef {object} Chunk
 * @property {string} name
 * @property {boolean} atOnce whether it is loaded with the entry, and not by an import() later
 * @property {number} bytes minified
 * @property {number} gzipped
 * @property {Map<string, number>} parts the bytes that each file has in it
 */

/**
 * @param {string} entry
 * @param {string} file
 * @returns {Promise<{ chunks: Chunk[], externals: string[] }>} and the packages that it imports when it runs
 */
async function bundle(entry, file) {
  if (!existsSync(file)) throw new Failure(`${entry} is not built: npm run build`);
  const { metafile, outputFiles } = await build({
    ...OPTIONS,
    entryPoints: [{ in: file, out: 'entry' }],
    outdir: 'bundle',
    splitting: true,
    metafile: true,
  });
  const { outputs } = metafile;
  const atOnce = loadedWith(outputs, 'bundle/entry.js');
  const chunks = Object.entries(outputs).map(([path, { inputs }]) => {
    const contents = outputFiles.find((output) => output.path === join(root, path))?.contents;
    if (!contents) throw new Failure(`${entry}: esbuild made nothing of it`);
    const weights = Object.entries(inputs).map(
      ([input, { bytesInOutput }]) => /** @type {const} */ ([input, bytesInOutput]),
    );
    return {
      name: basename(path),
      atOnce: atOnce.has(path),
      bytes: contents.length,
      gzipped: gzippedLength(contents),
      parts: new Map(weights.filter(([, bytes]) => bytes > 0).sort((a, b) => b[1] - a[1])),
    };
  });
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  return { chunks, externals: imports.filter(({ external }) => external).map(({ path }) => path) };
}

/**
 * What is loaded with the entry, in one file, as Vite and webpack have it: esbuild cuts what later chunks share with
 * it into chunks of their own, which makes each of them heavier.
 * @param {string} file
 * @returns {Promise<{ bytes: number, gzipped: number }>}
 */
async function bundleAtOnce(file) {
  const { outputFiles } = await build({ ...OPTIONS, entryPoints: [file], plugins: [LATER_LEFT_OUT] });
  const [{ contents } = { contents: new Uint8Array() }] = outputFiles;
  return { bytes: contents.length, gzipped: gzippedLength(contents) };
}

/**
 * @param {import('esbuild').Metafile['outputs']} outputs
 * @param {string} path
 * @param {Set<string>} [loaded]
 * @returns {Set<string>} the chunk and what it imports, but for import()
 */
function loadedWith(outputs, path, loaded = new Set()) {
  const output = outputs[path];
  if (output === undefined || loaded.has(path)) return loaded;
  loaded.add(path);
  for (const { kind, path: imported } of output.imports) {
    if (kind !== 'dynamic-import') loadedWith(outputs, imported, loaded);
  }
  return loaded;
}

/** @param {Chunk} chunk */
function explain({ name, atOnce, gzipped, parts }) {
  console.log(`  ${name}, ${atOnce ? 'at once' : 'on demand'}, ${gzipped} bytes min+gzip`);
  for (const [file, bytes] of parts) console.log(`${String(bytes).padStart(36)}   ${file}`);
}

/** @param {Uint8Array} contents */
function gzippedLength(contents) {
  return gzipSync(contents, { level: 9 }).length;
}

/** @param {string} entry */
function isClient(entry) {
  return ['./link', './client', './ai'].includes(entry);
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
  rules.push(
    isClient(entry)
      ? ["the server's code", /^dist\/(adapter|session)\//]
      : ["the client's code", /^dist\/link\//],
  );
  if (entry.startsWith('./session')) rules.push(["the adapter's code", /^dist\/adapter\//]);
  // Only the link and the adapters may need tRPC when they run.
  if (entry !== './link' && !entry.startsWith('./adapter')) rules.push(['tRPC', /(^|node_modules\/)@trpc\//]);
  return rules;
}
