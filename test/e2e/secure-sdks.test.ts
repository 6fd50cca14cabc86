/**
 * createSecureOpenAI and createSecureAnthropic in a real browser, under a strict Content-Security-Policy: they work
 * as in Node, each SDK is loaded when it is used, and the network holds no word of it.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROVIDER_KEY } from '../ai/support/provider.ts';
import { openStage, type Stage } from '../ai/support/stage.ts';
import { launchBrowser, openPage, type WatchedPage } from './support/browser.ts';
import type { SDKsInPage } from './support/secure-sdks-page.ts';

let browser: Browser;
let stage: Stage;
let watched: WatchedPage;

const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:";

beforeAll(async () => {
  const entryPoints = { page: fileURLToPath(new URL('support/secure-sdks-page.ts', import.meta.url)) };
  const options = { bundle: true, format: 'esm', splitting: true, write: false, outdir: '/' } as const;
  const [{ outputFiles }, launched] = await Promise.all([
    build({ entryPoints, ...options, platform: 'browser' }),
    launchBrowser(),
  ]);
  browser = launched;
  const scripts = new Map(outputFiles.map(({ path, text }) => [path, text]));
  stage = await openStage(
    { paths: ['POST /chat/completions', 'POST /responses', 'POST /files', 'POST /v1/messages'] },
    (path) => {
      const script = scripts.get(path);
      if (script !== undefined)
        return new Response(script, { headers: { 'Content-Type': 'text/javascript' } });
      const page =
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>';
      return new Response(page, {
        headers: { 'Content-Type': 'text/html', 'Content-Security-Policy': POLICY },
      });
    },
  );
  watched = await openPage(browser, stage.url, { width: 800 });
});

afterAll(async () => {
  await browser?.close();
  await stage?.close();
});

function inPage<Name extends keyof SDKsInPage>(name: Name): Promise<Awaited<ReturnType<SDKsInPage[Name]>>> {
  return watched.page.evaluate(`sdks.${name}()`);
}

test('a streamed chat, without a model', async () => {
  expect(await inPage('chat')).toEqual(['one ', 'two ', 'planted']);
});

test('the Responses API, an upload, and Anthropic’s messages', async () => {
  expect(await inPage('responses')).toBe('planted words');
  expect(await inPage('upload')).toEqual({ filename: 'planted.txt', bytes: 17 });
  expect(await inPage('messages')).toBe('planted too');
});

test('an abort reaches the provider', async () => {
  // The SDK still gives what had come in one piece with the chunk at which it was stopped.
  expect(await inPage('abort')).toBeGreaterThanOrEqual(5);
  await stage.provider.abandoned();
});

test('an answer that breaks off is an error, and an error of the provider keeps its class', async () => {
  expect(await inPage('failures')).toEqual(['ISO-6004', true]);
});

test('the network holds one path each, and no word, key or model', async () => {
  const isCall = ({ url }: { url: string }): boolean => url.includes('/api/');
  const urls = watched.requests.map((request) => new URL(request.url()));
  const called = new Set(urls.map(({ pathname }) => pathname).filter((path) => path.startsWith('/api/')));
  expect(called).toEqual(new Set(['/api/nen/handshake', '/api/ai/sealed', '/api/anthropic/sealed']));
  expect(new Set(urls.map(({ origin }) => origin).filter((origin) => origin !== 'null'))).toEqual(
    new Set([stage.url]),
  );
  const wire = stage.wire() + (await watched.networkText(isCall));
  const words = ['planted', 'gpt-test', PROVIDER_KEY, 'completions', 'max_tokens', 'stainless'];
  expect(words.filter((word) => wire.includes(word))).toEqual([]);
  expect(watched.complaints).toEqual([]);
});
