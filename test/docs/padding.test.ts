/** docs/padding.md, run: the calls of the one snippet's client to the other one's server are padded. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Nen } from '../../src/adapter/server.ts';
import type { NenClient } from '../../src/link/client/index.ts';
import { serve, type TestServer } from '../support/serve.ts';
import { type AppFolder, blocksOf, createAppFolder, pathOf, root } from './app-folder.ts';
import { missingLinks } from './links.ts';

const page = readFileSync(join(root, 'docs/padding.md'), 'utf8');
const snippets = blocksOf(page).filter(({ language }) => language === 'ts');

let app: AppFolder;
let server: TestServer | undefined;
let client: NenClient;
const sizes: number[] = [];

beforeAll(async () => {
  app = await createAppFolder('padding');
  for (const { text } of snippets) await app.put(pathOf(text), text);
  const { nen } = (await app.load('lib/nen.ts')) as { nen: Nen };
  const tokens = nen.withNenStream(async function* (_req, body) {
    for (const word of String(body).split(' ')) yield word;
  });
  server = await serve((req) =>
    req.url.includes('/api/nen/') ? nen.routes.POST(req) : measured(tokens, req),
  );
  vi.stubGlobal('location', { origin: server.url });
  ({ client } = (await app.load('lib/client.ts')) as { client: NenClient });
});

async function measured(route: (req: Request) => Promise<Response>, req: Request): Promise<Response> {
  sizes.push((await req.clone().arrayBuffer()).byteLength);
  return route(req);
}

afterAll(async () => {
  vi.unstubAllGlobals();
  await server?.close();
  await app?.remove();
});

describe('docs/padding.md', () => {
  it('links to files that exist', () => {
    expect(missingLinks(page, join(root, 'docs'))).toEqual([]);
    expect(snippets.map(({ text }) => pathOf(text))).toEqual(['lib/nen.ts', 'lib/client.ts']);
  });

  it('what it makes carries the same items, in requests of one size', async () => {
    for (const body of ['a', 'a considerable headache']) {
      const items: string[] = [];
      const init = { method: 'POST', body, headers: { 'content-type': 'text/plain' } };
      for await (const item of client.nenStream('/api/chat', init)) items.push(item);
      expect(items).toEqual(body.split(' '));
    }
    expect(sizes).toHaveLength(2);
    expect(new Set(sizes).size).toBe(1);
  });
});
