/**
 * The README, run: its blocks are written into an app, type-checked, and what they promise is tried.
 * A ts block begins with `// path`, a section of the diff with `# path`; the app's other files are here.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  TRPCClientError,
} from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNen } from '../../src/adapter/index.ts';
import { NenError, nenLink } from '../../src/link/index.ts';
import { PROVIDER_KEY, startProvider } from '../ai/support/provider.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';
import { missingLinks } from './links.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

const blocks = blocksOf(readme);
const snippets = blocks.filter(({ language }) => /^tsx?$/.test(language));
const diff = blocks.find(({ language }) => language === 'diff')?.text ?? '';

interface DiffFile {
  readonly path: string;
  readonly isNew: boolean;
  readonly before: string;
  readonly after: string;
}

function filesOf(text: string): DiffFile[] {
  return text
    .split(/^# /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const side = (mark: string): string =>
        lines
          .filter((line) => !line.startsWith(mark))
          .map((line) => line.slice(1))
          .join('\n');
      return {
        path: heading.replace(' (new)', ''),
        isNew: heading.endsWith(' (new)'),
        before: side('+'),
        after: side('-'),
      };
    });
}

const files = filesOf(diff);

/** What the app had already. */
const APP: Readonly<Record<string, string>> = {
  'server/context.ts': `
    export const createContext = ({ req }: { req: Request }) => ({ authorization: req.headers.get('authorization') });
  `,
  'servers/context.ts': `
    export const createContext = () => ({ authorization: null });
  `,
  'server/router.ts': `
    import { initTRPC } from '@trpc/server';
    import superjson from 'superjson';
    import type { createContext } from './context';
    const t = initTRPC.context<typeof createContext>().create({ transformer: superjson });
    export const calls: string[] = [];
    export const appRouter = t.router({
      now: t.procedure.query(() => new Date(0)),
      whoami: t.procedure.query(({ ctx }) => ctx.authorization),
      add: t.procedure.input(String).mutation(({ input }) => calls.push(input)),
    });
    export type AppRouter = typeof appRouter;
  `,
};

let app: AppFolder;

const seed = randomBytes(32).toString('base64');
const nextSeed = randomBytes(32).toString('base64');

function pinOf(given: string): string {
  const { publicKey } = ml_dsa65.keygen(Buffer.from(given, 'base64'));
  return createHash('sha256').update(publicKey).digest('base64url');
}

beforeAll(async () => {
  app = await createAppFolder('readme');
  for (const [path, text] of Object.entries(APP)) await app.put(path, text);
  for (const { path, after } of files) await app.put(path, after);
  for (const { text } of snippets) await app.put(pathOf(text), text);
});

afterAll(async () => {
  await app?.remove();
});

function codeLines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'));
}

describe('the README', () => {
  it('names the file of every snippet, so that none goes untested', () => {
    expect(snippets.map(({ text }) => pathOf(text))).not.toContain('');
    expect(new Set(snippets.map(({ text }) => pathOf(text))).size).toBe(snippets.length);
  });

  it('changes two files, adds two, and needs ten lines of ours', () => {
    expect(files.filter(({ isNew }) => isNew)).toHaveLength(2);
    expect(files.filter(({ isNew }) => !isNew)).toHaveLength(2);
    expect(diff.split('\n').filter((line) => line.startsWith('+')).length).toBeLessThanOrEqual(10);
  });

  it('tests an app with eight lines', () => {
    const test = snippets.find(({ text }) => pathOf(text) === 'test/client.ts')?.text ?? '';
    expect(codeLines(test)).toHaveLength(8);
  });

  it('links to files that exist', () => {
    expect(missingLinks(readme, root)).toEqual([]);
  });

  it('shows code that compiles: the app with the diff applied, and every snippet', async () => {
    expect(await app.typeErrors()).toBe('');
  }, 120_000);

  it('starts from code that compiles too: the app before the diff', async () => {
    for (const { path, isNew, before } of files)
      await app.put(path, isNew ? 'export const nen = {};' : before);
    const beforeErrors = await app.typeErrors();
    for (const { path, after } of files) await app.put(path, after);
    // The other snippets build on the diff: only what is in the changed files counts.
    const changed = files.filter(({ isNew }) => !isNew).map(({ path }) => path);
    const inChanged = beforeErrors.split('\n').filter((line) => changed.some((path) => line.includes(path)));
    expect(inChanged).toEqual([]);
  }, 120_000);
});

describe('the app of the README', () => {
  interface Client {
    now: { query(): Promise<Date> };
    whoami: { query(): Promise<string | null> };
    add: { mutate(input: string): Promise<number> };
  }

  it('is tested by the snippet for tests, sealed for real', async () => {
    const { trpc } = (await app.load('test/client.ts')) as { trpc: Client };
    expect(await trpc.now.query()).toEqual(new Date(0));
    expect(await trpc.add.mutate('planted')).toBe(1);
  });

  it('carries the login inside the seal, and puts no more than one path on the wire', async () => {
    const wire: string[] = [];
    await app.put(
      'both.ts',
      `export { POST as calls } from '@/app/api/trpc/[trpc]/route';
       export { POST as session } from '@/app/api/nen/[action]/route';
       export { trpc, signedInWith } from '@/trpc/signed-in';`,
    );
    const { calls, session, trpc, signedInWith } = (await app.load('both.ts')) as {
      calls: (req: Request) => Promise<Response>;
      session: (req: Request) => Promise<Response>;
      trpc: Client;
      signedInWith: (token: string) => void;
    };
    await inPage(
      async (url, init) => {
        const req = new Request(url, init);
        wire.push(
          `${req.method} ${new URL(req.url).pathname} ${JSON.stringify([...req.headers])} ${await req.clone().text()}`,
        );
        return (req.url.includes('/api/nen/') ? session : calls)(req);
      },
      async () => {
        signedInWith('planted-token');
        expect(await trpc.whoami.query()).toBe('Bearer planted-token');
      },
    );
    expect(wire.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'POST /api/nen/handshake',
      'POST /api/trpc/sealed',
    ]);
    for (const word of ['planted', 'whoami', 'Bearer']) expect(wire.join('\n')).not.toContain(word);
  });

  describe('with the lines of keygen in the environment', () => {
    const pinned = { NEN_IDENTITY: seed, NEXT_PUBLIC_NEN_PINS: pinOf(seed) };

    /** The app as it runs with these variables, as far as a query of it comes, and what it put on the wire. */
    async function run(environment: Record<string, string>) {
      await app.put(
        'quickstart.ts',
        `export { POST as calls } from '@/app/api/trpc/[trpc]/route';
         export { POST as session } from '@/app/api/nen/[action]/route';
         export { trpc } from '@/trpc/client';`,
      );
      for (const name of Object.keys(pinned)) vi.stubEnv(name, environment[name]);
      const paths: string[] = [];
      try {
        const { calls, session, trpc } = (await app.load('quickstart.ts')) as {
          calls: (req: Request) => Promise<Response>;
          session: (req: Request) => Promise<Response>;
          trpc: Client;
        };
        const query = (): Promise<unknown> => trpc.now.query().catch((error: unknown) => error);
        const fetch: typeof globalThis.fetch = (url, init) => {
          const req = new Request(url, init);
          paths.push(new URL(req.url).pathname);
          return (req.url.includes('/api/nen/') ? session : calls)(req);
        };
        let came: unknown;
        await inPage(fetch, async () => {
          came = await query();
        });
        return { came, paths };
      } finally {
        vi.unstubAllEnvs();
      }
    }

    it('runs pinned', async () => {
      const { came, paths } = await run(pinned);
      expect(came).toEqual(new Date(0));
      expect(paths).toEqual(['/api/nen/handshake', '/api/trpc/sealed']);
    });

    it('goes on while the server rolls to the next key, with both pins', async () => {
      const both = `${pinOf(seed)},${pinOf(nextSeed)}`;
      for (const NEN_IDENTITY of [seed, nextSeed]) {
        const { came } = await run({ NEN_IDENTITY, NEXT_PUBLIC_NEN_PINS: both });
        expect(came).toEqual(new Date(0));
      }
    });

    it.each([
      ['has another key', { ...pinned, NEN_IDENTITY: nextSeed }],
      ['has no key', { NEXT_PUBLIC_NEN_PINS: pinned.NEXT_PUBLIC_NEN_PINS }],
    ])('sends no call to a server that %s', async (_, environment) => {
      const { came, paths } = await run(environment);
      expect(came).toMatchObject({ cause: { code: 'ISO-1006', outcome: 'not-run' } });
      expect(paths).toEqual(['/api/nen/handshake']);
    });

    it('refuses to run unpinned where the variable is missing', async () => {
      await expect(run({ NEN_IDENTITY: seed })).rejects.toThrow('serverPins');
    });
  });

  it('seals a route without tRPC', async () => {
    await app.put(
      'plain.ts',
      `export { POST as route } from '@/app/api/pay/route';
       export { POST as session } from '@/app/api/nen/[action]/route';
       export { pay } from '@/app/pay';`,
    );
    vi.stubEnv('NEN_IDENTITY', seed);
    vi.stubEnv('NEXT_PUBLIC_NEN_PINS', pinOf(seed));
    const { route, session, pay } = (await app.load('plain.ts')) as {
      route: (req: Request) => Promise<Response>;
      session: (req: Request) => Promise<Response>;
      pay: (amount: number) => Promise<unknown>;
    };
    vi.unstubAllEnvs();
    const wire: string[] = [];
    await inPage(
      async (url, init) => {
        const req = new Request(url, init);
        wire.push(`${req.method} ${new URL(req.url).pathname} ${await req.clone().text()}`);
        return (req.url.includes('/api/nen/') ? session : route)(req);
      },
      async () => expect(await pay(184_000)).toEqual({ received: { amount: 184_000 } }),
    );
    expect(wire.map((line) => line.split(' ')[1])).toEqual(['/api/nen/handshake', '/api/pay']);
    expect(wire.join()).not.toContain('184000');
  });

  it('seals the OpenAI SDK up to the route, which has the key', async () => {
    await app.put(
      'ai.ts',
      `export { POST as route } from '@/app/api/ai/[...path]/route';
       export { POST as session } from '@/app/api/nen/[action]/route';
       export { ask } from '@/app/ask';`,
    );
    const provider = await startProvider();
    vi.stubEnv('NEN_IDENTITY', seed);
    vi.stubEnv('NEXT_PUBLIC_NEN_PINS', pinOf(seed));
    vi.stubEnv('OPENAI_API_KEY', PROVIDER_KEY);
    const { route, session, ask } = (await app.load('ai.ts')) as {
      route: (req: Request) => Promise<Response>;
      session: (req: Request) => Promise<Response>;
      ask: (content: string, show: (delta: string) => void) => Promise<void>;
    };
    const wire: string[] = [];
    const { fetch } = globalThis;
    let answer = '';
    await inPage(
      async (url, init) => {
        const req = new Request(url, init);
        const ofProvider = req.url.replace('https://api.openai.com', provider.url);
        if (ofProvider !== req.url) return fetch(ofProvider, init);
        wire.push(`${req.method} ${new URL(req.url).pathname} ${await req.clone().text()}`);
        return (req.url.includes('/api/nen/') ? session : route)(req);
      },
      () =>
        ask('say planted words', (delta) => {
          answer += delta;
        }),
    );
    vi.unstubAllEnvs();
    await provider.close();
    expect(answer).toBe('planted words');
    expect(wire.map((line) => line.split(' ')[1])).toEqual(['/api/nen/handshake', '/api/ai/sealed']);
    expect(wire.join()).not.toContain('planted');
  });

  it('tells a person whether it was done, where the seal failed', async () => {
    await app.put(
      'explained.ts',
      `import { explain } from '@/lib/explain';
       import { NenError } from 'trpc-nen/link';
       const notRun = new NenError('ISO-1007', { outcome: 'not-run' });
       export const sentences = [
         explain(new Error('of the app')),
         explain(notRun),
         explain(new Error('of tRPC', { cause: new NenError('ISO-5002') })),
       ];`,
    );
    const { sentences } = (await app.load('explained.ts')) as { sentences: unknown };
    expect(sentences).toEqual([
      undefined,
      expect.stringMatching(/^Nothing was done.*ISO-1007/),
      expect.stringMatching(/^Perhaps it was done.*ISO-5002/),
    ]);
  });
});

/** Runs as in a page of http://test, with its fetch. */
async function inPage(fetch: typeof globalThis.fetch, body: () => Promise<void>): Promise<void> {
  const before = {
    fetch: globalThis.fetch,
    location: Object.getOwnPropertyDescriptor(globalThis, 'location'),
  };
  globalThis.fetch = fetch;
  Object.defineProperty(globalThis, 'location', { value: new URL('http://test/page'), configurable: true });
  try {
    await body();
  } finally {
    globalThis.fetch = before.fetch;
    if (before.location === undefined) Reflect.deleteProperty(globalThis, 'location');
    else Object.defineProperty(globalThis, 'location', before.location);
  }
}

type PlainLinkFetch = NonNullable<Parameters<typeof httpLink>[0]['fetch']>;

/** A fetch that goes straight into a handler. */
function into(handler: (req: Request) => Promise<Response>): PlainLinkFetch {
  return (input, init) => handler(new Request(input, init as RequestInit));
}

describe('rolling out', () => {
  const t = initTRPC.create();
  const router = t.router({ hello: t.procedure.query(() => 'hello') });
  const plain = (req: Request): Promise<Response> =>
    fetchRequestHandler({ endpoint: '/api/trpc', req, router, createContext: () => ({}) });
  const url = 'http://test/api/trpc';
  const quiet = { onEvent: () => undefined };

  it.each([
    ['httpBatchLink', httpBatchLink, 'Unable to transform response from server'],
    ['httpLink', httpLink, 'Unable to transform response from server'],
    ['httpBatchStreamLink', httpBatchStreamLink, 'Unknown error'],
  ] as const)(
    'an old client with %s that meets refuse shows what the README quotes',
    async (name, link, message) => {
      const sealed = createNen(quiet).wrap(plain);
      const fetch = into(sealed);
      const old = createTRPCClient<typeof router>({ links: [link({ url, fetch })] });
      const error: unknown = await old.hello.query().catch((thrown: unknown) => thrown);
      if (!(error instanceof TRPCClientError)) throw new Error('no TRPCClientError');
      expect(error.message).toBe(message);
      expect(error.data).toBeUndefined();
      expect(error.meta?.response).toMatchObject({ status: 403 });
      const row = readme.split('\n').find((line) => line.includes(`\`${name}\``) && line.includes(message));
      expect(row).toBeDefined();
    },
  );

  it('an old client goes on under allow, and each plain call is told', async () => {
    const told: unknown[] = [];
    const nen = createNen({ plain: 'allow', onEvent: (event) => told.push(event) });
    const sealed = nen.wrap(plain);
    const fetch = into(sealed);
    const old = createTRPCClient<typeof router>({ links: [httpBatchLink({ url, fetch })] });
    expect(await old.hello.query()).toBe('hello');
    expect(told).toEqual([{ type: 'plain', method: 'GET', path: '/api/trpc/hello', count: 1 }]);
  });

  it.each([
    ['without the session routes', 'ISO-1007', () => new Response('Not Found', { status: 404 })],
    ['without the wrapper', 'ISO-4005', (req: Request) => createNen(quiet).routes.POST(req)],
  ] as const)('a new client that meets a server %s fails with %s', async (_, code, session) => {
    const fetch = (input: string, init: RequestInit): Promise<Response> | Response => {
      const req = new Request(input, init);
      return req.url.includes('/api/nen/') ? session(req) : plain(req);
    };
    const links = [nenLink<typeof router>({ url, fetch: async (input, init) => fetch(input, init) })];
    const error: unknown = await createTRPCClient<typeof router>({ links })
      .hello.query()
      .catch((thrown: unknown) => thrown);
    expect(NenError.from(error)?.code).toBe(code);
  });
});
