/** The client in React Native, as far as Node can be made to look like it: see entries/react-native.ts. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleSuite } from '../../scripts/lib/runtime-bundle.mjs';
import { serve, type TestServer } from '../support/serve.ts';
import { createApp } from './app.ts';
import type { Outcome } from './check.ts';
import { IDENTITY_SEED } from './identity.ts';

let folder = '';
let server: TestServer;

beforeAll(async () => {
  server = await serve(createApp(IDENTITY_SEED));
  folder = await mkdtemp(join(tmpdir(), 'nen-react-native-'));
  const outfile = join(folder, 'suite.mjs');
  await bundleSuite('react-native', { outfile, platform: 'node', from: 'src' });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

it.each([
  ['its own fetch, whose answers do not stream', 'bare', 35],
  ['expo/fetch, whose answers do', 'expo', 45],
])('calls with %s', async (_, mode, atLeast) => {
  const args = [join(folder, 'suite.mjs'), mode, server.url];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { golden, client } = JSON.parse(stdout) as { golden: Outcome[]; client: Outcome[] };
  expect([...golden, ...client].filter(({ error }) => error !== undefined)).toEqual([]);
  expect(client.length).toBeGreaterThanOrEqual(atLeast);
});
