/**
 * Next's pages router: an app of API routes alone, built and served by Next in this process, so that the
 * suite of the other servers runs on it. Its files import the built package.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { install } from '../../scripts/lib/install.mjs';
import { root, run } from '../../scripts/lib/run.mjs';
import type { App, AppContext } from '../servers/app.ts';
import { given } from '../servers/given.ts';
import { type ServerOptions, serverSuite } from '../servers/suite.ts';
import { listen } from '../support/listen.ts';
import { exampleFolder } from './support/example-server.ts';

const modules = join(exampleFolder, 'node_modules');

/** pages/api/parsed is behind Next's own body parser, which takes JSON up to a size. */
const FILES: Readonly<Record<string, string>> = {
  'package.json': '{ "private": true, "type": "module" }',
  'next.config.mjs': `export default { turbopack: { root: ${JSON.stringify(root)} } };`,
  'pages/api/nen/[action].js': 'export default (req, res) => globalThis.nenTest.nen.nodeRoutes(req, res);',
  'pages/api/trpc/[trpc].js': `
    import { createNextApiHandler } from '../../../../../dist/adapter/next.js';
    export default (req, res) => createNextApiHandler(globalThis.nenTest)(req, res);
    export const config = { api: { bodyParser: false } };`,
  'pages/api/parsed/nen/[action].js': `
    export default (req, res) => globalThis.nenTest.nen.nodeRoutes(req, res);`,
  'pages/api/parsed/trpc/[trpc].js': `
    import { createNextApiHandler } from '../../../../../../dist/adapter/next.js';
    export default (req, res) => createNextApiHandler(globalThis.nenTest)(req, res);
    export const config = { api: { bodyParser: { sizeLimit: '20mb' } } };`,
};

type Next = (options: { dir: string; dev: boolean }) => {
  prepare(): Promise<void>;
  getRequestHandler(): RequestListener;
  close(): Promise<void>;
};

let folder = '';
let app: ReturnType<Next> | undefined;

beforeAll(async () => {
  await install(exampleFolder);
  await mkdir(join(root, '.cache'), { recursive: true });
  folder = await mkdtemp(join(root, '.cache', 'next-pages-'));
  await symlink(modules, join(folder, 'node_modules'));
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const require = createRequire(join(folder, 'package.json'));
  const env = { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' };
  const built = await run(process.execPath, [join(modules, 'next', 'dist', 'bin', 'next'), 'build'], {
    cwd: folder,
    env,
  });
  if (built !== 0) throw new Error('Next did not build');
  const next = require(join(modules, 'next')) as Next;
  app = next({ dir: folder, dev: false });
  await app.prepare();
});

afterAll(async () => {
  await app?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the files of the app take their options from: the application of the test that runs. */
const holder = globalThis as { nenTest?: object };

function start({ nen, router, context, ...rest }: App, options: ServerOptions) {
  const createContext = ({ req, res }: { req: never; res: never }): AppContext =>
    context(given({ nen, router, context, ...rest }, req, res));
  holder.nenTest = { nen, router, createContext, ...options };
  return listen(createServer(app?.getRequestHandler()));
}

serverSuite({
  name: "Next's pages router",
  ...{ octets: true, streams: true, maxBodySize: true },
  start,
});

serverSuite({
  name: "Next's pages router with its own body parser",
  ...{ octets: false, streams: true, maxBodySize: true },
  base: '/api/parsed',
  start,
});
