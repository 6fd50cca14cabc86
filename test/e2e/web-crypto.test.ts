/**
 * Our cryptography against a real browser's own (Chromium: BoringSSL), and a client's choice there: the same bytes
 * whoever makes them. Against OpenSSL's: test/crypto/differences.test.ts. In full by npm run test:nodes.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caseCounts } from '../crypto/differences.ts';
import { serve } from '../support/serve.ts';
import { launchBrowser } from './support/browser.ts';
import type { PageTests } from './support/web-crypto-page.ts';

const counts = caseCounts(process.env.NEN_CRYPTO_CASES === 'all');

let browser: Browser;
let page: Page;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  const entryPoints = [fileURLToPath(new URL('support/web-crypto-page.ts', import.meta.url))];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: 'iife', write: false });
  const script = outputFiles[0]?.text ?? '';
  server = await serve((req) =>
    req.url.endsWith('/script.js')
      ? new Response(script, { headers: { 'Content-Type': 'text/javascript' } })
      : new Response('<!doctype html><script src="/script.js"></script>', {
          headers: { 'Content-Type': 'text/html' },
        }),
  );
  browser = await launchBrowser();
  page = await browser.newPage();
  await page.goto(server.url);
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** Runs one of the page's tests. */
function inPage<Name extends keyof PageTests>(
  name: Name,
  cases = 0,
): Promise<Awaited<ReturnType<PageTests[Name]>>> {
  return page.evaluate(`tests.${name}(${cases})`);
}

test('a client takes the browser’s own primitives, which it has', async () => {
  expect(await inPage('names')).toEqual(['web', 'noble']);
});

test(`${counts.kem} cases of ML-KEM-768 against the browser's, 0 differences`, async () => {
  expect(await inPage('kems', counts.kem)).toMatchObject({ cases: counts.kem, differences: [] });
});

test(`${counts.aead} cases of ChaCha20-Poly1305 against the browser's, 0 differences`, async () => {
  expect(await inPage('aeads', counts.aead)).toMatchObject({ cases: counts.aead, differences: [] });
});

test(`${counts.aead} cases of ChaCha20-Poly1305 as a client there does it, against noble, 0 differences`, async () => {
  expect(await inPage('ownAead', counts.aead)).toMatchObject({ cases: counts.aead, differences: [] });
});

test('hashes, MACs and derived keys of a client there are noble’s, 0 differences', async () => {
  expect(await inPage('ownHashes', 300)).toBe(0);
});

test('the KEM of a client there and noble understand each other', async () => {
  expect(await inPage('ownKem', counts.kem)).toBe(0);
});

test('signatures of ML-DSA-65 by the browser and by noble are verified by both', async () => {
  const cases = 20;
  expect(await inPage('signatures', cases)).toEqual({
    'same key': cases,
    'browser takes browser': cases,
    'browser takes noble': cases,
    'noble takes browser': cases,
    'noble takes noble': cases,
    'browser takes another context': 0,
    'browser takes an altered one': 0,
    'browser takes a short key': 0,
    'noble takes another context': 0,
    'noble takes an altered one': 0,
    'noble takes a short key': 0,
  });
});
