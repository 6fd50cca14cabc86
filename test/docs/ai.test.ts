/**
 * docs/ai.md, run: its snippets are type-checked and bundled one by one, and talk to each other and to a provider
 * as in a page.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultChatTransport, UIMessage } from 'ai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PROVIDER_KEY, startProvider, type TestProvider } from '../ai/support/provider.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';
import { missingLinks } from './links.ts';

const page = readFileSync(join(root, 'docs/ai.md'), 'utf8');
const blocks = blocksOf(page).filter(({ language }) => language === 'ts');
const snippets = new Map(blocks.map(({ text }) => [pathOf(text), text]));

/** What the app has besides. */
const APP: Readonly<Record<string, string>> = {
  'lib/nen.ts': `import { createNen } from 'trpc-nen/server';
    export const nen = createNen();`,
  'app/api/nen/[action]/route.ts': `import { nen } from '@/lib/nen';
    export const { GET, POST, OPTIONS } = nen.routes;`,
  'lib/accounts.ts': `export const isSignedIn = (authorization: string | null) => authorization === 'Bearer planted-login';
    export const recorded: unknown[] = [];
    Reflect.set(globalThis, 'recordedUsage', recorded);
    export const record = (...usage: unknown[]) => void recorded.push(usage);`,
};

let app: AppFolder;
let provider: TestProvider;
const wire: string[] = [];

beforeAll(async () => {
  [app, provider] = await Promise.all([createAppFolder('ai'), startProvider()]);
  for (const [path, text] of [...Object.entries(APP), ...snippets]) await app.put(path, text);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const seed = Buffer.alloc(32, 7).toString('base64');
  const { ml_dsa65 } = await import('@noble/post-quantum/ml-dsa.js');
  const { createHash } = await import('node:crypto');
  const { publicKey } = ml_dsa65.keygen(Buffer.from(seed, 'base64'));
  vi.stubEnv('NEN_IDENTITY', seed);
  vi.stubEnv('NEXT_PUBLIC_NEN_PINS', createHash('sha256').update(publicKey).digest('base64url'));
  vi.stubEnv('OPENAI_API_KEY', PROVIDER_KEY);
  vi.stubEnv('ANTHROPIC_API_KEY', PROVIDER_KEY);
  vi.stubEnv('GATEWAY_KEY', PROVIDER_KEY);
  vi.stubEnv('GATEWAY_URL', `${provider.url}/v1`);
  const routes = new Map<string, Promise<Record<string, unknown>>>();
  const real = globalThis.fetch;
  // The page's fetch, and the server's: one process plays both.
  vi.stubGlobal('fetch', async (input: string | URL, init?: RequestInit) => {
    const url = String(input);
    const toProvider = /^https:\/\/api\.(?:openai|anthropic)\.com/.exec(url)?.[0];
    if (toProvider !== undefined) return real(url.replace(toProvider, provider.url), init);
    if (!url.startsWith('http://app.test/')) return real(input, init);
    const req = new Request(url, init);
    wire.push(
      `${req.method} ${new URL(url).pathname}`,
      JSON.stringify([...req.headers]),
      await req.clone().text(),
    );
    const [, , name = ''] = new URL(url).pathname.split('/');
    const rest = name === 'nen' ? '/[action]' : name === 'chat' ? '' : '/[...path]';
    const file = `app/api/${name}${rest}/route.ts`;
    const route = routes.get(file) ?? app.load(file);
    routes.set(file, route);
    const handler = (await route)[req.method] as (req: Request) => Promise<Response>;
    const answer = await handler(req);
    const [passed, kept] = answer.body?.tee() ?? [null, null];
    void new Response(kept).text().then(
      (text) => wire.push(text),
      () => undefined,
    );
    return new Response(passed, answer);
  });
  vi.stubGlobal('location', { origin: 'http://app.test', href: 'http://app.test/' });
});

afterAll(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await provider?.close();
  await app?.remove();
});

describe('docs/ai.md', () => {
  it('names the file of every snippet, once, and links to files that exist', () => {
    expect([...snippets.keys()]).not.toContain('');
    expect(snippets.size).toBe(blocks.length);
    expect(missingLinks(page, join(root, 'docs'))).toEqual([]);
  });

  it('shows code that compiles', async () => {
    expect(await app.typeErrors()).toBe('');
  }, 90_000);

  it('asks OpenAI, with the first model', async () => {
    const { ask } = (await app.load('app/ask.ts')) as { ask: Ask };
    const deltas: string[] = [];
    expect(await ask('say planted words', (delta) => deltas.push(delta))).toBe('planted words');
    expect(deltas).toEqual(['planted ', 'words']);
    expect(JSON.parse(provider.seen.at(-1)?.body ?? '').model).toBe('gpt-5-mini');
  });

  it('asks Anthropic', async () => {
    const { ask } = (await app.load('app/ask-anthropic.ts')) as { ask: (content: string) => Promise<string> };
    expect(await ask('say planted words')).toBe('planted words');
  });

  it('asks a gateway, for those who are signed in, within limits, and meters it', async () => {
    await app.put(
      'app/ask-gateway.ts',
      snippets.get('app/ask.ts')?.replace("baseUrl: '',", "baseUrl: '', endpoint: '/api/gateway',") ?? '',
    );
    const { ask, signedInWith } = (await app.load('app/ask-gateway.ts')) as {
      ask: Ask;
      signedInWith(token: string): void;
    };
    await expect(ask('say it', () => undefined)).rejects.toMatchObject({
      status: 403,
      code: 'not_authorized',
    });
    signedInWith('planted-login');
    expect(await ask('say it', () => undefined)).toBe('it');
    expect(provider.seen.at(-1)?.headers).toMatchObject({ 'x-portkey-config': 'pc-support' });
    expect(JSON.parse(provider.seen.at(-1)?.body ?? '')).toMatchObject({ model: 'support', max_tokens: 500 });
    expect(Reflect.get(globalThis, 'recordedUsage')).toEqual([
      [expect.any(String), 'support', 1, 'complete'],
    ]);
  });

  it('chats, as useChat does', async () => {
    const { transport } = (await app.load('app/chat-transport.ts')) as {
      transport: DefaultChatTransport<UIMessage>;
    };
    const { Chat } = await import('@ai-sdk/react');
    const chat = new Chat({ transport });
    await chat.sendMessage({ text: 'say planted words' });
    expect(chat.error).toBeUndefined();
    expect(chat.lastMessage?.parts.at(-1)).toMatchObject({ type: 'text', text: 'planted words' });
  });

  it('puts no word of it on the wire', () => {
    const everything = wire.join('\n');
    const lines = new Set(everything.match(/^POST \/\S+$/gm));
    expect(lines).toEqual(
      new Set([
        'POST /api/nen/handshake',
        'POST /api/ai/sealed',
        'POST /api/anthropic/sealed',
        'POST /api/gateway/sealed',
        'POST /api/chat',
      ]),
    );
    const words = ['planted', PROVIDER_KEY, 'gpt-5', 'claude', 'support', 'max_tokens'];
    expect(words.filter((word) => everything.includes(word))).toEqual([]);
  });
});

type Ask = (content: string, show: (delta: string) => void) => Promise<string | null>;
