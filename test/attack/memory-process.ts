/**
 * A client and a server in one process, whose memory is searched from outside. Every key that node:crypto is given
 * is noted as hexadecimal text, which is another sequence of bytes than the key.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const keys = new Set<string>();
const crypto = process.getBuiltinModule('node:crypto');
const { createSecretKey, createCipheriv, createDecipheriv } = crypto;

/** Digit by digit: a Buffer of it would be a copy. Not the key of the self-test, which is all ones. */
function note(key: unknown): void {
  if (key instanceof Uint8Array && key.length === 32 && key.some((byte) => byte !== 1))
    keys.add(Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

crypto.createSecretKey = ((key: Uint8Array) => {
  note(key);
  return createSecretKey(key);
}) as typeof createSecretKey;
// Where they are quicker with bytes, they are given no KeyObject.
crypto.createCipheriv = ((...given: Parameters<typeof createCipheriv>) => {
  note(given[1]);
  return createCipheriv(...given);
}) as typeof createCipheriv;
crypto.createDecipheriv = ((...given: Parameters<typeof createDecipheriv>) => {
  note(given[1]);
  return createDecipheriv(...given);
}) as typeof createDecipheriv;

const { collect } = await import('../support/collect.ts');
const { createNen } = await import('../../src/adapter/index.ts');
const { NenClient } = await import('../../src/link/client/index.ts');

const ORIGIN = 'http://memory.test';
const nen = createNen();
const echo = nen.wrap(async (req) => Response.json(await req.json()));
const stream = nen.wrap(() => {
  const parts = [1, 2, 3].map((part) => new TextEncoder().encode(`${part}\n`));
  return new Response(
    new ReadableStream({
      async pull(controller) {
        await sleep(1);
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(part);
      },
    }),
  );
});

const client = new NenClient(ORIGIN, {
  fetch: async (url, init) => {
    const req = new Request(url, init as RequestInit);
    if (url.includes('/api/nen/')) return nen.routes[init.method === 'POST' ? 'POST' : 'GET'](req);
    return url.endsWith('/stream') ? stream(req) : echo(req);
  },
});

async function use(): Promise<void> {
  for (let call = 0; call < 5; call++)
    await (
      await client.fetch('/api/echo', { method: 'POST', body: `{"call":${call}}`, headers: JSON_TYPE })
    ).json();
  await (await client.fetch('/api/stream', { method: 'POST', body: '{}', headers: JSON_TYPE })).text();
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(step: string): Promise<void> {
  if (step === 'use') await use();
  if (step === 'rotate') await client.rotate();
  if (step === 'terminate') await client.terminate();
  await collect();
  process.send?.([...keys]);
}

process.on('message', (step: string) => void answer(step));
process.send?.([]);
