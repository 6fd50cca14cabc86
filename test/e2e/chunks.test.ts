/**
 * A client whose later parts are files of their own, in a real browser: what does not come is a call that was not
 * sent, and comes with the next one. Where nothing can be loaded later, in a service worker, one file has all of it.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNen } from '../../src/adapter/server.ts';
import { serve, type TestServer } from '../support/serve.ts';
import { launchBrowser } from './support/browser.ts';
import type { ChunksInPage } from './support/chunks-page.ts';

let browser: Browser;
let server: TestServer;
let calls = 0;

const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; img-src data:";

beforeAll(async () => {
  const source = fileURLToPath(new URL('support/chunks-page.ts', import.meta.url));
  const options = { bundle: true, minify: true, platform: 'browser', write: false, outdir: '/' } as const;
  const [{ outputFiles }, worker, launched] = await Promise.all([
    build({ ...options, entryPoints: { page: source }, format: 'esm', splitting: true }),
    build({ ...options, entryPoints: { worker: source }, format: 'iife' }),
    launchBrowser(),
  ]);
  browser = launched;
  const scripts = new Map([...outputFiles, ...worker.outputFiles].map(({ path, text }) => [path, text]));
  const nen = createNen();
  const answer = nen.wrap(() => {
    calls++;
    return new Response(slowly('planted'));
  });
  server = await serve((req) => {
    const { pathname } = new URL(req.url);
    if (pathname.startsWith('/api/nen/')) return nen.routes.POST(req);
    if (pathname === '/api/stream') return answer(req);
    const script = scripts.get(pathname);
    const page =
      '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
    return new Response(script ?? page, {
      headers: {
        'Content-Type': script === undefined ? 'text/html' : 'text/javascript',
        'Content-Security-Policy': POLICY,
      },
    });
  });
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** A body that does not end in the turn of the event loop in which it begins: it is sealed as a stream. */
function slowly(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

async function open() {
  const page = await browser.newPage();
  const sent: string[] = [];
  page.on('request', (request) => sent.push(new URL(request.url()).pathname));
  const run = (name: keyof ChunksInPage): Promise<string> => page.evaluate(`tests.${name}()`);
  return { page, sent, run };
}

test('what opens streams is loaded with the first session, and not before', async () => {
  const { page, sent, run } = await open();
  await page.goto(server.url);
  expect(sent.filter((path) => path.startsWith('/open-stream'))).toEqual([]);
  expect(await run('call')).toBe('planted');
  expect(await run('call')).toBe('planted');
  expect(sent.filter((path) => path.startsWith('/open-stream'))).toHaveLength(1);
  await page.close();
});

test('a call whose client lacks it is not sent, and the next one is', async () => {
  const { page, sent, run } = await open();
  await page.route('**/open-stream-*', (route) => route.abort());
  await page.goto(server.url);
  const before = calls;
  expect(await run('call')).toBe('ISO-1007 not-run');
  expect(sent).not.toContain('/api/stream');
  await page.unroute('**/open-stream-*');
  expect(await run('call')).toBe('planted');
  expect(calls).toBe(before + 1);
  await page.close();
});

test('a service worker of one file opens streams too', async () => {
  const { page, run } = await open();
  await page.goto(server.url);
  expect(await run('callInWorker')).toBe('planted');
  await page.close();
});
