/** An app in a folder of its own, made of a document's code blocks: type-checked, bundled and loaded. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  readonly language: string;
  readonly text: string;
}

export function blocksOf(markdown: string): Block[] {
  const found = markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return [...found].map(([, language = '', text = '']) => ({ language, text }));
}

/** The file that a ts block names in its first line, `// path`. */
export function pathOf(snippet: string): string {
  return /^\/\/ (\S+\.tsx?)\n/.exec(snippet)?.[1] ?? '';
}

export interface AppFolder {
  put(path: string, text: string): Promise<void>;
  /** What the compiler has to say, or ''. */
  typeErrors(): Promise<string>;
  /** A module of the app, bundled with the package's sources. */
  load(path: string): Promise<Record<string, unknown>>;
  remove(): Promise<void>;
}

export async function createAppFolder(name: string): Promise<AppFolder> {
  await mkdir(join(root, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(root, '.cache', `${name}-`));
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  const options = {
    module: 'ESNext',
    moduleResolution: 'Bundler',
  };
  const putConfig = (file: string, entries: Record<string, string[]>): Promise<void> => {
    const compilerOptions = { ...options, paths: { ...entries, '@/*': ['./*'] } };
    return put(
      file,
      JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['**/*.ts'] }),
    );
  };
  await putConfig('tsconfig.json', entryPaths('src', '.ts'));
  // After the build of npm test: types without their sources are checked in a third of the time.
  await putConfig(
    TYPES_CONFIG,
    process.env.NEN_BUILT ? entryPaths('dist', '.d.ts') : entryPaths('src', '.ts'),
  );
  return {
    put,
    typeErrors: () => typeErrors(folder),
    load: (path) => load(folder, path),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly default: string } | string>>;
}

/** Each entry of the package, in another folder and with another ending. */
function entryPaths(folder: string, ending: string): Record<string, string[]> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const paths: Record<string, string[]> = {};
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const file = target.default.replace('./dist/', `${folder}/`).replace(/\.js$/, ending);
    paths[entry.replace('.', 'trpc-nen')] = [join(root, file)];
  }
  return paths;
}

const TYPES_CONFIG = 'tsconfig.types.json';
const run = promisify(execFile);

function typeErrors(folder: string): Promise<string> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(process.execPath, [tsc, '-p', join(folder, TYPES_CONFIG)]).then(
    ({ stdout }) => stdout,
    (failed: { stdout?: string }) => failed.stdout ?? 'the compiler could not be started',
  );
}

let loaded = 0;

/** Each time a new instance: what its modules read from the environment, they read again. */
async function load(folder: string, path: string): Promise<Record<string, unknown>> {
  const outfile = join(folder, `${path.replaceAll('/', '-')}-${loaded++}.mjs`);
  await build({
    entryPoints: [join(folder, path)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    external: [
      ...['@trpc/*', 'superjson', '@noble/*', 'eventsource-parser', 'node:*'],
      ...['openai', '@anthropic-ai/sdk', 'ai', '@ai-sdk/*', 'zod'],
      ...['express', 'fastify', 'hono'],
    ],
    tsconfig: join(folder, 'tsconfig.json'),
    logLevel: 'silent',
  });
  return import(/* @vite-ignore */ pathToFileURL(outfile).href);
}
