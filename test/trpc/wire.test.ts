/** What whoever terminates TLS gets to see: every byte of everything that tRPC does, and nothing of it in them. */
import { describe, expect, it } from 'vitest';
import { NenClient } from '../../src/link/index.ts';
import { type App, type ClientOptions, startApp, WAYS } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';
import { Subscriber } from './support/subscription.ts';
import { findTraces, headerNames, requestLines } from './support/traces.ts';

failOnStrayErrors();

const PLANTED = {
  procedures: ['waitAndWrite', 'failingFeed', 'nested.deep', 'namedFeed'],
  inputs: ['planted-query-input', 'planted/mutation?input&ü', 'planted-form-name', 'planted-form-text'],
  files: ['planted-file-name', 'planted-file-content', 'planted-octet-content'],
  headers: ['x-planted-name', 'planted-header-value', 'planted-cookie'],
  ids: ['planted-tracked-id-1', 'planted-tracked-id-2'],
  results: ['data of planted-tracked-id-1', 'failed with UNAUTHORIZED', 'the feed failed with CONFLICT'],
  params: ['plantedParam', 'planted-param-value'],
  meta: ['x-planted-meta', 'planted-meta-value'],
};
const WORDS = Object.values(PLANTED).flat();

/** All that a caller may do, with the planted words wherever a word can be. */
async function useEverything(app: App, options: ClientOptions): Promise<void> {
  const client = app.client({
    ...options,
    headers: { 'x-planted-name': 'planted-header-value', cookie: 'planted-cookie=1' },
    connectionParams: { plantedParam: 'planted-param-value' },
  });
  await Promise.all([client.echo.query('planted-query-input'), client.nested.deep.query()]);
  await client.add.mutate([1, 2]);
  app.stage.open('planted/mutation?input&ü');
  await client.waitAndWrite.mutate('planted/mutation?input&ü');
  await client.fail.query('UNAUTHORIZED').catch(() => undefined);

  const form = new FormData();
  form.append('planted-form-name', 'planted-form-text');
  form.append('file', new File(['planted-file-content'], 'planted-file-name'));
  await client.upload.mutate(form);
  await client.bytes.mutate(new TextEncoder().encode('planted-octet-content'));
  if (app.way.stream) {
    app.stage.open('step 0');
    for await (const _ of await client.steps.query({ count: 1 }));
  }

  const named = new Subscriber();
  client.namedFeed.subscribe({ ids: PLANTED.ids }, named.callbacks);
  await named.told.until('data');
  app.tap.cut();
  await app.stage.until('named feed from planted-tracked-id-1');
  await named.told.until('complete');
  expect(named.data).toHaveLength(2);

  const failing = new Subscriber();
  client.failingFeed.subscribe('CONFLICT', failing.callbacks);
  await failing.told.until('error');
}

const start = (way: (typeof WAYS)[number]): Promise<App> =>
  startApp(way, {
    trpc: { responseMeta: () => ({ headers: new Headers({ 'x-planted-meta': 'planted-meta-value' }) }) },
  });

describe.each(WAYS.filter(({ sealed }) => !sealed))('$name', (way) => {
  it('shows every planted word, so the search finds what is there', async () => {
    const app = await start(way);
    await useEverything(app, {});
    expect(findTraces(app.tap.bytes(), WORDS)).toEqual(WORDS);
  });
});

describe.each(WAYS.filter(({ sealed }) => sealed))('$name', (way) => {
  it('shows the tunnel and the session routes, no name, input, header or result', async () => {
    const app = await start(way);
    const shared = new NenClient(new URL(app.url).origin, { encoding: way.encoding });
    await useEverything(app, { client: shared });
    await shared.status();
    await shared.rotate();
    await shared.terminate();
    const bytes = app.tap.bytes();
    expect(findTraces(bytes, WORDS)).toEqual([]);
    expect(requestLines(app.tap.sent())).toEqual([
      'POST /api/nen/handshake',
      'POST /api/trpc/sealed',
      'GET /api/nen/status',
      'POST /api/nen/rotate',
      'POST /api/nen/terminate',
    ]);
    expect(new Set(bytes.toString('latin1').match(/HTTP\/1\.1 \d{3}/g))).toEqual(new Set(['HTTP/1.1 200']));
  });

  it('sends no header but those of the seal and of the runtime', async () => {
    const app = await start(way);
    await useEverything(app, {});
    expect(headerNames(app.tap.sent())).toEqual([
      'accept',
      'accept-encoding',
      'accept-language',
      'cache-control',
      'connection',
      'content-length',
      'content-type',
      'host',
      'pragma',
      'sec-fetch-mode',
      'user-agent',
      'x-nen-nonce',
      'x-nen-session',
      'x-nen-signature',
      'x-nen-timestamp',
    ]);
  });

  it('shows a header that is public, and its value, and no other', async () => {
    const app = await start(way);
    const headers = { 'X-Trace-Planted': 'trace-planted-value', 'x-planted-name': 'planted-header-value' };
    const client = app.client({ publicHeaders: ['x-trace-planted'], headers });
    expect((await client.seen.query(['x-trace-planted', 'x-planted-name'])).headers).toEqual([
      'trace-planted-value',
      'planted-header-value',
    ]);
    const words = ['x-trace-planted', 'trace-planted-value', ...WORDS];
    expect(findTraces(app.tap.bytes(), words)).toEqual(['x-trace-planted', 'trace-planted-value']);
  });
});
