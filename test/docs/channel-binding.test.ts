/** docs/channel-binding.md, run over real HTTP: somebody on the way steals the cookie and plays it in a session of his own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTRPCClient, TRPCClientError } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NenClient, type NenClientOptions, nenLink, type Transport } from '../../src/link/index.ts';
import { type FetchHandler, serve, type TestServer } from '../support/serve.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';

const page = readFileSync(join(root, 'docs', 'channel-binding.md'), 'utf8');
const snippets = blocksOf(page).filter(({ language }) => language === 'ts');

let app: AppFolder;
const servers: TestServer[] = [];

beforeAll(async () => {
  app = await createAppFolder('binding');
  await app.put(
    'lib/nen.ts',
    `import { createNen } from 'trpc-nen/adapter';
     import { InMemorySessionStore } from 'trpc-nen/session';
     export const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });`,
  );
  for (const { text } of snippets) await app.put(pathOf(text), text);
  await app.put('all.ts', `export { nen } from '@/lib/nen'; export { handler } from '@/server/router';`);
});

afterAll(async () => {
  for (const server of servers) await server.close();
  await app?.remove();
});

async function start(): Promise<string> {
  const { nen, handler } = (await app.load('all.ts')) as {
    nen: { routes: { POST: FetchHandler } };
    handler: FetchHandler;
  };
  const server = await serve((req) => (req.url.includes('/api/nen/') ? nen.routes.POST(req) : handler(req)));
  servers.push(server);
  return server.url;
}

/** A browser: its cookies go with every request, outside the seal, and can be read there. */
function browser(url: string, options: NenClientOptions = {}, cookies = '') {
  let jar = cookies;
  const fetch: Transport = async (target, init) => {
    const response = await globalThis.fetch(target, { ...init, headers: { ...init.headers, cookie: jar } });
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) jar = set.split(';', 1)[0] ?? '';
    return response;
  };
  const client = new NenClient(url, { ...options, fetch });
  const links = [nenLink<AnyTRPCRouter>({ url: `${url}/api/trpc`, client })];
  const trpc = createTRPCClient<AnyTRPCRouter>({ links }) as unknown as {
    signIn: { mutate(user: string): Promise<void> };
    whoami: { query(): Promise<string> };
  };
  return { client, trpc, cookies: () => jar };
}

const UNAUTHORIZED = { data: { code: 'UNAUTHORIZED' } };

describe('a cookie that is bound to the sealed session', () => {
  it('shows code that compiles, each block with its file', async () => {
    expect(snippets.map(({ text }) => pathOf(text))).not.toContain('');
    expect(await app.typeErrors()).toBe('');
  }, 60_000);

  it('serves who signed in, and refuses whoever plays the stolen cookie in a session of his own', async () => {
    const url = await start();
    const mine = browser(url);
    await expect(mine.trpc.whoami.query()).rejects.toMatchObject(UNAUTHORIZED);
    await mine.trpc.signIn.mutate('okafor');
    expect(await mine.trpc.whoami.query()).toBe('okafor');

    const stolen = mine.cookies();
    expect(stolen).toMatch(/^login=[\w-]{43}$/);
    const thief = browser(url, {}, stolen);
    await expect(thief.trpc.whoami.query()).rejects.toThrow(TRPCClientError);
    await expect(thief.trpc.whoami.query()).rejects.toMatchObject(UNAUTHORIZED);
    expect(await mine.trpc.whoami.query()).toBe('okafor');
  });

  it('ends with the session: after a new handshake or a rotation the person signs in again', async () => {
    const { client, trpc } = browser(await start());
    for (const renew of [() => client.handshake(), () => client.rotate()]) {
      await trpc.signIn.mutate('okafor');
      expect(await trpc.whoami.query()).toBe('okafor');
      await renew();
      await expect(trpc.whoami.query()).rejects.toMatchObject(UNAUTHORIZED);
    }
  });
});

describe("a cookie that is bound to the client's key", () => {
  it('outlives the session, and is of no use to a client with another key or with none', async () => {
    const login = snippets.find(({ text }) => pathOf(text) === 'server/login.ts')?.text ?? '';
    const ofTheSession = /^function bindingOf.*?^}\n/ms;
    expect(login).toMatch(ofTheSession);
    const ofTheClient = login.replace(
      ofTheSession,
      `import { bindingOf } from '@/server/bound-to-client';\n`,
    );
    await app.put('server/login.ts', ofTheClient);
    const url = await start();

    const mine = browser(url, { identityMode: 'pqc' });
    await mine.trpc.signIn.mutate('okafor');
    await mine.client.handshake();
    expect(await mine.trpc.whoami.query()).toBe('okafor');

    const another = browser(url, { identityMode: 'pqc' }, mine.cookies());
    await expect(another.trpc.whoami.query()).rejects.toMatchObject(UNAUTHORIZED);
    const none = browser(url, {}, mine.cookies());
    await expect(none.trpc.whoami.query()).rejects.toThrow('the client has proved no key');
  });
});
