/**
 * docs/usage.md, run: its snippets are type-checked and bundled one by one, as Next bundles routes, each with a
 * module instance of its own, and talk to each other over real HTTP. The client's snippets run as a page does.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { serve, type TestServer } from '../support/serve.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';
import { missingLinks } from './links.ts';

const page = readFileSync(join(root, 'docs/usage.md'), 'utf8');
const blocks = blocksOf(page).filter(({ language }) => language === 'ts');
const snippets = new Map(blocks.map(({ text }) => [pathOf(text), text]));

/** What the page has said before, for snippets that go on from there. */
const PRELUDES: Readonly<Record<string, string>> = {
  'app/rotate.ts': `import { NenClient } from 'trpc-nen/client';
    const client = new NenClient('');
    const before = (await client.status()).sid;`,
  'app/chat.ts': `import { NenClient } from 'trpc-nen/client';
    const client = new NenClient('');
    const prompt = 'planted';`,
  'app/errors.ts': `import { NenClient } from 'trpc-nen/client';
    const client = new NenClient('');
    const { nenFetch } = client;`,
};
const POSTLUDES: Readonly<Record<string, string>> = {
  'app/rotate.ts': 'export const sids = [before, (await client.status()).sid];',
  'app/helper.ts': 'export const result: unknown = data;',
};

type NextRoute = (req: Request, context: { params: Promise<object> }) => Promise<Response>;
type Route = Readonly<Record<string, NextRoute | undefined>>;

let app: AppFolder;
let server: TestServer | undefined;
const routes = new Map<string, Route>();
/** Method, path and body of each request, as the way saw them. */
const wire: string[] = [];
/** What the way answers itself to calls that are no session routes. */
let forged: (() => Response) | undefined;

beforeAll(async () => {
  app = await createAppFolder('usage');
  for (const [path, text] of snippets) {
    await app.put(path, `${PRELUDES[path] ?? ''}\n${text}\n${POSTLUDES[path] ?? ''}\n`);
  }
  server = await serve(async (req) => {
    const { pathname } = new URL(req.url);
    wire.push(`${req.method} ${pathname} ${await req.clone().text()}`);
    const action = /^\/api\/nen\/(\w+)$/.exec(pathname)?.[1];
    if (action === undefined && forged !== undefined) return forged();
    const file = action === undefined ? `app${pathname}/route.ts` : 'app/api/nen/[action]/route.ts';
    const route = routes.get(file) ?? ((await app.load(file)) as Route);
    routes.set(file, route);
    const params = Promise.resolve(action === undefined ? {} : { action });
    return route[req.method]?.(req, { params }) ?? new Response(null, { status: 405 });
  });
  vi.stubGlobal('location', { origin: server.url });
});

afterEach(() => {
  wire.length = 0;
  forged = undefined;
  vi.restoreAllMocks();
});

afterAll(async () => {
  vi.unstubAllGlobals();
  await server?.close();
  await app?.remove();
});

const lines = (): string[] => wire.map((line) => line.split(' ').slice(0, 2).join(' '));

describe('docs/usage.md', () => {
  it('names the file of every snippet, once, and links to files that exist', () => {
    expect([...snippets.keys()]).not.toContain('');
    expect(snippets.size).toBe(blocks.length);
    expect(missingLinks(page, join(root, 'docs'))).toEqual([]);
  });

  it('shows code that compiles', async () => {
    expect(await app.typeErrors()).toBe('');
  }, 90_000);

  it('1, 2 and 3: session routes, a client with an identity, a wrapped route', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await app.load('app/client.ts');
    expect(log).toHaveBeenCalledExactlyOnceWith({
      message: 'Securely processed',
      received: { secret: 'Only the endpoint that needs this can read it' },
    });
    expect(lines()).toEqual(['POST /api/nen/handshake', 'POST /api/secure-data']);
    expect(wire[0]).toContain('"id":');
    expect(wire.join()).not.toContain('Only the endpoint');
  });

  it('2: createNenFetch', async () => {
    const { result } = await app.load('app/helper.ts');
    expect(result).toEqual({ message: 'Securely processed', received: { amount: 1840 } });
    expect(wire.join()).not.toContain('1840');
  });

  it('1: an instance with options, whose methods stand alone', async () => {
    const { withNen, withNenStream } = await app.load('lib/nen.ts');
    expect([typeof withNen, typeof withNenStream]).toEqual(['function', 'function']);
  });

  it('3: validated input, and an error with a status', async () => {
    const { NenClient } = await import('../../src/link/client/index.ts');
    const { nenFetch } = new NenClient('');
    const pay = (amount: unknown): Promise<unknown> =>
      nenFetch('/api/pay', { method: 'POST', body: JSON.stringify({ amount }) });
    expect(await pay(1840)).toEqual({ paid: 1840 });
    await expect(pay(6000)).rejects.toMatchObject({ status: 403, data: { limit: 5000 } });
    const data = { error: { message: 'The input is invalid.', issues: [{ path: ['amount'] }] } };
    await expect(pay('much')).rejects.toMatchObject({ status: 400, data });
  });

  it('3: a request without a signature is refused with ISO-3001, by a body as the page says', async () => {
    const response = await fetch(`${server?.url}/api/secure-data`, { method: 'POST', body: '{}' });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      error: { code: 'ISO-3001', message: 'Request signature missing.' },
    });
  });

  it('4: rotate', async () => {
    const { sids } = (await app.load('app/rotate.ts')) as { sids: string[] };
    expect(new Set(sids).size).toBe(2);
    expect(lines()).toEqual([
      'POST /api/nen/handshake',
      'GET /api/nen/status',
      'POST /api/nen/rotate',
      'GET /api/nen/status',
    ]);
  });

  it('5: stream', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    await app.load('app/chat.ts');
    const written = write.mock.calls.map(([chunk]) => chunk);
    write.mockRestore();
    expect(written).toEqual(['secure ', 'streaming ', 'works ']);
    expect(wire.join()).not.toContain('planted');
  });

  it.each([
    ['ISO-2002', 401, undefined],
    ['ISO-3001', 401, 'Auth failure'],
    ['ISO-3002', 401, 'Auth failure'],
    ['ISO-4001', 400, 'Nen error'],
  ])('6: errors: %s goes where the page says', async (code, status, said) => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    forged = () => Response.json({ error: { code, message: 'said by anybody' } }, { status });
    await app.load('app/errors.ts');
    expect(error.mock.calls.map((call) => call.slice(0, 2))).toEqual(
      said === undefined ? [] : [[said, code]],
    );
    const handshakes = lines().filter((line) => line === 'POST /api/nen/handshake').length;
    // The call's own, the retry's, and the snippet's.
    expect(handshakes).toBe(code === 'ISO-2002' ? 3 : 1);
  });

  it('6: errors: none, where all is well', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await app.load('app/errors.ts');
    expect(error).not.toHaveBeenCalled();
    expect(lines()).toEqual(['POST /api/nen/handshake', 'POST /api/secure-data']);
  });
});
