/**
 * What a server of node:http hands to a handler of ours: a stand-in for a Request. An application's code gets the
 * real one, and nobody on the wire sees a difference.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createIncomingRequest, isStandInTaker, realRequest } from '../../src/adapter/incoming-request.ts';
import { readRequestBody } from '../../src/adapter/request-body.ts';
import { createNen, InMemorySessionStore, type Nen, type NenOptions } from '../../src/adapter/server.ts';
import { wholeParts } from '../../src/adapter/whole-response.ts';
import { type Bytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { NenClient } from '../../src/link/client/index.ts';
import { listen } from '../support/listen.ts';

interface Served {
  readonly url: string;
  readonly nen: Nen;
  readonly client: NenClient;
}

async function serveNode(handler: (req: Request) => Response | Promise<Response>, options: NenOptions = {}) {
  const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined, ...options });
  const calls = nen.node(handler);
  const server = await listen(
    createServer((req, res) => (req.url?.startsWith('/api/nen/') ? nen.nodeRoutes : calls)(req, res)),
  );
  onTestFinished(() => server.close());
  return { url: server.url, nen, client: new NenClient(server.url) } satisfies Served;
}

function make(body: string | null = 'body') {
  const abort = new AbortController();
  let asked = 0;
  const given = (): ReadableStream<Bytes> => {
    asked++;
    return new Blob([body ?? '']).stream() as ReadableStream<Bytes>;
  };
  const req = createIncomingRequest({
    method: body === null ? 'GET' : 'POST',
    url: 'https://app.example/api/x?a=1',
    headers: new Headers({ 'content-type': 'text/plain' }),
    body: body === null ? null : { stream: given, whole: async () => utf8ToBytes(body) },
    signal: () => abort.signal,
  });
  return { req, abort, asked: () => asked };
}

describe('the stand-in', () => {
  test('is a Request, whose body is asked for when it is read, and once', async () => {
    const { req, asked } = make();
    expect(req).toBeInstanceOf(Request);
    expect(req.constructor).toBe(Request);
    expect([req.method, req.url, req.headers.get('content-type')]).toEqual([
      'POST',
      'https://app.example/api/x?a=1',
      'text/plain',
    ]);
    expect(asked()).toBe(0);
    expect(req.body).toBe(req.body);
    expect(await req.text()).toBe('body');
    expect([asked(), req.bodyUsed]).toEqual([1, true]);
  });

  test('is the real one for whoever looks further: a copy of each has the body', async () => {
    const { req, abort } = make();
    const copy = req.clone();
    const fromReal = new Request(realRequest(req));
    expect([await copy.text(), await fromReal.text()]).toEqual(['body', 'body']);
    expect(realRequest(req)).toBe(realRequest(req));
    abort.abort();
    expect([req.signal.aborted, realRequest(req).signal.aborted]).toEqual([true, true]);
    const plain = new Request('https://app.example/');
    expect(realRequest(plain)).toBe(plain);
    expect(make(null).req.body).toBeNull();
  });

  test('whose body was read without a stream is used up, for its real one too', async () => {
    const { req, asked } = make();
    expect(await readRequestBody(req, 100)).toEqual(utf8ToBytes('body'));
    expect([req.bodyUsed, asked()]).toEqual([true, 0]);
    await expect(req.text()).rejects.toThrow(TypeError);
    expect(() => new Response(req.body)).toThrow(TypeError);
    const streamed = make();
    expect(await streamed.req.text()).toBe('body');
    await expect(readRequestBody(streamed.req, 100)).rejects.toMatchObject({ code: 'ISO-4007' });
  });

  test('gets a stand-in for an answer; who hands in a real Request gets a real Response', async () => {
    const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
    const { req } = make(null);
    const handler = nen.wrap(() => new Response());
    const [given, real] = [await handler(req), await handler(new Request(req.url))];
    expect([given.status, real.status]).toEqual([403, 403]);
    expect(given).toBeInstanceOf(Response);
    expect([given, real].map((answer) => wholeParts(answer) !== undefined)).toEqual([true, false]);
    // Whatever looks behind the face of a Response takes it.
    expect(new Response(null, real).headers.get('content-type')).toBe('application/json');
    expect(await given.json()).toEqual(await real.json());
    expect(wholeParts(given)).toBeUndefined();
  });

  test('goes to handlers of ours alone', () => {
    const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
    const handler = (): Response => new Response();
    expect([nen.wrap(handler), nen.routes.POST, nen.actions.status].map(isStandInTaker)).toEqual([
      true,
      true,
      true,
    ]);
    expect(isStandInTaker(handler)).toBe(false);
  });
});

describe('an application on node:http', () => {
  test('gets the real request where it was plain, and for its word on a client', async () => {
    const seen: string[] = [];
    const { url, client } = await serveNode(
      async (req) => {
        seen.push(await new Request(req.clone()).text());
        return new Response('good');
      },
      {
        plain: 'allow',
        clientAddress: (req) => {
          expect(realRequest(req)).toBe(req);
          seen.push(new Request(req.clone()).headers.get('content-type') ?? '');
          return undefined;
        },
        authorize: ({ req }) => {
          seen.push(`${req.headers.get('content-type')} ${req.bodyUsed}`);
          expect(realRequest(req)).toBe(req);
          return true;
        },
      },
    );
    expect(await (await fetch(`${url}/api/x`, { method: 'POST', body: 'plain' })).text()).toBe('good');
    expect(await (await client.fetch('/api/x', { method: 'POST', body: 'sealed' })).text()).toBe('good');
    expect(seen).toEqual(['plain', 'application/json', 'application/json true', 'sealed']);
  });

  test('sees that the client has left where it asks for the signal only then', async () => {
    const aborted: boolean[] = [];
    let begun: () => void = () => undefined;
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let left: () => void = () => undefined;
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve;
    });
    const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
    const calls = nen.node(async (req) => {
      begun();
      await hasLeft;
      aborted.push(req.signal.aborted);
      return new Response('late');
    });
    const server = await listen(
      createServer((req, res) => {
        if (req.url?.startsWith('/api/nen/')) return void nen.nodeRoutes(req, res);
        res.once('close', () => setImmediate(left));
        calls(req, res);
      }),
    );
    onTestFinished(() => server.close());
    const controller = new AbortController();
    const client = new NenClient(server.url);
    const call = client.fetch('/api/x', { method: 'POST', body: 'x', signal: controller.signal });
    const failed = expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await hasBegun;
    controller.abort();
    await failed;
    await expect.poll(() => aborted).toEqual([true]);
  });

  test('is asked nothing for a host that no Request has, and logs nothing of it', async () => {
    const asked: string[] = [];
    const note = (what: string) => (): undefined => void asked.push(what);
    const log = vi.spyOn(console, 'error').mockImplementation(note('log'));
    const { url } = await serveNode(() => new Response(String(note('handler')())), {
      plain: 'allow',
      clientAddress: note('address'),
      onEvent: ({ type }) => note(type)(),
    });
    for (const path of ['/api/x', '/api/nen/handshake']) {
      const headers = { host: 'user:word@test.example', 'content-type': 'application/json' };
      const outgoing = httpRequest(url + path, { method: 'POST', headers });
      outgoing.end('{}');
      const [answer] = await once(outgoing, 'response');
      expect(answer.statusCode).toBe(400);
    }
    expect(asked).toEqual([]);
    log.mockRestore();
  });

  test('is asked nothing with a method that no Request has, and says how long its answers are', async () => {
    let asked = 0;
    const { url, client } = await serveNode(
      () => {
        asked++;
        return new Response('good');
      },
      { plain: 'allow' },
    );
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1').setEncoding('latin1');
    socket.write('TRACE /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [string];
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(asked).toBe(0);
    await client.handshake();
    const outgoing = httpRequest(`${url}/api/nen/handshake`, { method: 'POST' });
    outgoing.end('{}');
    const [refused] = await once(outgoing, 'response');
    expect([refused.statusCode, refused.headers['transfer-encoding']]).toEqual([415, 'chunked']);
    const json = httpRequest(`${url}/api/nen/handshake`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    json.end('{}');
    const [answer] = await once(json, 'response');
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(0);
  });
});
