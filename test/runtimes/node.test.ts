/** The runtime suite in Node, in one process. npm run test:runtimes has it in every runtime, and over HTTP. */
import { it } from 'vitest';
import { createApp } from './app.ts';
import { callChecks } from './calls.ts';
import { IDENTITY_PIN, IDENTITY_SEED } from './identity.ts';

const app = createApp(IDENTITY_SEED);
const server = {
  origin: 'http://inside.test',
  pin: IDENTITY_PIN,
  send: async (url: string, { method, headers, body, signal }: RequestInit) =>
    app(new Request(url, { method, headers, body, signal } as RequestInit)),
};

it.each(callChecks(server))('$title', ({ run }) => run());
