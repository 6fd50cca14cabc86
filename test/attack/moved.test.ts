/**
 * Whoever is on the way writes the request line and Host anew: a sealed call must not come to another handler
 * than the one it was sealed for, whatever a server's router and a URL parser make of what was written.
 */
import { createServer, request } from 'node:http';
import { Readable } from 'node:stream';
import express from 'express';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createNen, toNodeHandler } from '../../src/adapter/server.ts';
import { NenClient, type TransportInit } from '../../src/link/client/index.ts';
import { listen } from '../support/listen.ts';

interface Writing {
  readonly target: string;
  readonly host?: string;
}

/** Carries calls as `rewrite` writes them; the handshake as it is. */
function way(rewrite: (path: string, host: string) => Writing) {
  return async (url: string, { method, headers, body }: TransportInit): Promise<Response> => {
    const { pathname, host, hostname, port } = new URL(url);
    const written = pathname.startsWith('/api/nen/') ? { target: pathname } : rewrite(pathname, host);
    return new Promise((resolve, reject) => {
      const options = { hostname, port, method, path: written.target, setHost: false };
      const req = request({ ...options, headers: { ...headers, host: written.host ?? host } }, (res) => {
        const answer = { status: res.statusCode ?? 0, headers: res.headers as Record<string, string> };
        resolve(new Response(Readable.toWeb(res) as ReadableStream, answer));
      });
      req.on('error', reject);
      req.end(body ?? undefined);
    });
  };
}

const WAYS: [string, (path: string, host: string) => Writing][] = [
  [
    'a path in Host, the rest of it a fragment',
    (path, host) => ({ target: '/api/pay', host: `${host}${path}#` }),
  ],
  [
    'a path in Host, the rest of it a query',
    (path, host) => ({ target: '/api/pay', host: `${host}${path}?` }),
  ],
  ['dot segments', (path) => ({ target: `/api/pay/../..${path}` })],
  ['encoded dot segments', (path) => ({ target: `/api/pay/%2e%2e/%2E%2E${path}` })],
  ['backslashes', (path) => ({ target: `/api/pay/..\\..${path.replaceAll('/', '\\')}` })],
  ['an absolute target', (path, host) => ({ target: `http://${host}/api/pay/../..${path}` })],
];

describe.each(WAYS)('row 30: a sealed call that was moved by %s', (_, rewrite) => {
  it('comes to no other handler', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const nen = createNen();
    const ran: string[] = [];
    const named = (name: string) => toNodeHandler(nen.withNen(() => ({ ran: ran.push(name) })));
    const server = express()
      .use('/api/nen', nen.nodeRoutes)
      .use('/api/read', named('read'))
      .use('/api/pay', named('pay'));
    const { url, close } = await listen(createServer(server));
    onTestFinished(close);
    const send = (fetch: ReturnType<typeof way>) =>
      new NenClient(url, { fetch }).nenFetch('/api/read', { method: 'POST', body: '{}' });
    await send(way((target) => ({ target })));
    expect(ran).toEqual(['read']);
    await expect(send(way(rewrite))).rejects.toThrow();
    expect(ran).toEqual(['read']);
  });
});
