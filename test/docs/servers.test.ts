/**
 * docs/servers.md, and the README's section on other servers, run: each snippet is type-checked, started, and
 * called over real HTTP.
 */
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { createTRPCClient } from '@trpc/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { NenClient, nenLink } from '../../src/link/index.ts';
import { httpApi } from '../servers/gateway.ts';
import { type Listening, listen } from '../support/listen.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';
import { missingLinks } from './links.ts';

interface Page {
  readonly name: string;
  readonly text: string;
  readonly snippets: ReadonlyMap<string, string>;
}

function pageOf(name: string): Page {
  const text = readFileSync(join(root, name), 'utf8');
  const blocks = blocksOf(text).filter(({ language }) => language === 'ts');
  return { name, text, snippets: new Map(blocks.map((block) => [pathOf(block.text), block.text])) };
}

const servers = pageOf('docs/servers.md');
const readme = pageOf('README.md');

/** What the application has already. */
const APP: Readonly<Record<string, string>> = {
  'lib/nen.ts': servers.snippets.get('lib/nen.ts') ?? '',
  'server/context.ts': `
    export const createContext = ({ req }: { req: Request }) => ({ authorization: req.headers.get('authorization') });
  `,
  'servers/context.ts': 'export const createContext = () => ({ authorization: null });',
  'server/router.ts': `
    import { initTRPC } from '@trpc/server';
    const t = initTRPC.context<{ authorization: string | null }>().create();
    export const appRouter = t.router({
      whoami: t.procedure.query(({ ctx }) => ctx.authorization ?? 'nobody'),
    });
  `,
};

type Module = Record<string, unknown>;

/** How each kind of snippet is started, by the file that it names. */
const STARTS: Readonly<Record<string, (module: Module) => Promise<Listening>>> = {
  'servers/node.ts': ({ server }) => listen(server as Server),
  'servers/standalone.ts': ({ server }) => listen(server as Server),
  'servers/express.ts': ({ app }) => listen(createServer(app as RequestListener)),
  'servers/pay.ts': ({ app }) => listen(createServer(app as RequestListener)),
  'servers/fastify.ts': async ({ app }) => {
    const server = app as { listen(at: object): Promise<string>; close(): Promise<void>; server: Server };
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    const close = (): Promise<void> => {
      server.server.closeAllConnections();
      return server.close();
    };
    return { url, close };
  },
  'servers/hono.ts': ({ app }) =>
    new Promise((resolve) => {
      const options = { fetch: (app as { fetch: () => Response }).fetch, port: 0, hostname: '127.0.0.1' };
      const server = serve(options, ({ port }) => {
        const close = () => new Promise<void>((done) => void server.close(() => done()));
        resolve({ url: `http://127.0.0.1:${port}`, close });
      });
    }),
  'servers/lambda.ts': ({ handler }) => httpApi(handler as Parameters<typeof httpApi>[0]),
};

describe.each([servers, readme])('$name', ({ name, text, snippets }) => {
  let app: AppFolder;
  const started = [...snippets.keys()].filter((path) => path in STARTS);

  beforeAll(async () => {
    app = await createAppFolder('servers');
    for (const [path, code] of Object.entries(APP)) await app.put(path, code);
    for (const [path, code] of snippets)
      if (/^(servers|pages|lib\/nen)\b/.test(path)) await app.put(path, code);
  });

  afterAll(() => app?.remove());

  it('names the file of each snippet, and links to files that exist', () => {
    expect([...snippets.keys()]).not.toContain('');
    expect(missingLinks(text, join(root, name, '..'))).toEqual([]);
  });

  // The README's is compiled by its own test.
  it.runIf(name !== 'README.md')(
    'shows code that compiles',
    async () => {
      expect(await app.typeErrors()).toBe('');
    },
    90_000,
  );

  it.each(started.filter((path) => path !== 'servers/pay.ts'))('%s answers sealed calls', async (path) => {
    const start = STARTS[path];
    const { url, close } = (await start?.(await app.load(path))) ?? expect.unreachable(path);
    onTestFinished(close);
    const trpc = createTRPCClient({
      links: [nenLink({ url: `${url}/api/trpc`, headers: { authorization: 'planted' } })],
    }) as unknown as { whoami: { query(): Promise<string> } };
    expect(await trpc.whoami.query()).toBe(name === 'README.md' ? 'nobody' : 'planted');
    expect((await fetch(`${url}/api/trpc/whoami`)).status).toBe(403);
  });

  it.runIf(snippets.has('servers/pay.ts'))('servers/pay.ts answers plain fetch', async () => {
    const { url, close } =
      (await STARTS['servers/pay.ts']?.(await app.load('servers/pay.ts'))) ?? expect.unreachable();
    onTestFinished(close);
    const client = new NenClient(url);
    const answer = await client.nenFetch('/api/pay', { method: 'POST', body: '{"amount":1}' });
    expect(answer).toEqual({ received: { amount: 1 } });
  });
});
