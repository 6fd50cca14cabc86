/** Every header has one owner: what the handler, the way and the caller get to see (rows 151 and 152 of the catalogue). */
import { describe, expect, test } from 'vitest';
import { createNen, InMemorySessionStore } from '../../src/adapter/server.ts';
import { ORIGIN, rig } from './rig.ts';

/** What the handler saw of each call. */
function seen(options: Parameters<typeof rig>[1] = {}) {
  const requests: Request[] = [];
  const made = rig(async (req) => {
    requests.push(req);
    return Response.json({});
  }, options);
  return {
    ...made,
    requests,
    headers: (): Record<string, string> => Object.fromEntries(requests.at(-1)?.headers ?? []),
  };
}

describe('requests', () => {
  test('row 151: a client seals headers that the way owns: they are dropped, and what the way set stays', async () => {
    const owned = {
      host: 'evil.example',
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
      'user-agent': 'evil',
      'sec-fetch-site': 'same-origin',
      forwarded: 'for=evil',
      'x-forwarded-for': 'evil',
      'x-forwarded-host': 'evil',
      'x-real-ip': 'evil',
      'true-client-ip': 'evil',
      via: 'evil',
      'cf-connecting-ip': 'evil',
      'x-vercel-ip-country': 'evil',
      'fly-client-ip': 'evil',
      'x-amzn-oidc-identity': 'evil',
      'x-amz-cf-id': 'evil',
      'x-goog-authenticated-user-email': 'evil',
      'x-azure-clientip': 'evil',
      'x-ms-client-principal-name': 'evil',
      'x-envoy-external-address': 'evil',
      'x-auth-request-user': 'evil',
      'x-remote-user': 'evil',
      'remote-user': 'evil',
      'x-ssl-client-dn': 'evil',
      'ssl-client-cert': 'evil',
      'x-client-cert-dn': 'evil',
      'x-middleware-subrequest': 'evil',
      'x-nextjs-data': 'evil',
      'x-edge-user': 'evil',
    };
    const { client, headers } = seen({ edgeHeaders: ['X-Edge-User'] });
    const call = client.tunnel('/api');
    await call('/api/x', { method: 'POST', headers: { ...owned, 'x-own': 'kept' } });
    expect(headers()).toEqual({ 'x-own': 'kept' });

    const way = Object.fromEntries(
      Object.keys(owned)
        .filter((name) => !/^(host|origin|referer|sec-)/.test(name))
        .map((name) => [name, 'way']),
    );
    const behind = seen({ edgeHeaders: ['X-Edge-User'], way });
    await behind.client.tunnel('/api')('/api/x', { method: 'POST', headers: { ...owned, 'x-own': 'kept' } });
    expect(behind.headers()).toEqual({ ...way, 'x-own': 'kept' });
  });

  test('row 151: framing and our own headers are dropped from inside', async () => {
    const { client, headers } = seen();
    const framing = [
      'connection',
      'keep-alive',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'expect',
      'x-nen-session',
      'x-nen-other',
    ];
    const fields = Object.fromEntries(framing.map((name) => [name, 'evil']));
    await client.tunnel('/api')('/api/x', { method: 'POST', headers: fields, body: new Uint8Array(1) });
    expect(headers()).toEqual({});
  });

  test('row 152: the way adds what the client owns: dropped', async () => {
    const way = {
      authorization: 'Bearer evil',
      'last-event-id': '5',
      'trpc-accept': 'application/jsonl',
      'content-type': 'text/evil',
      accept: 'text/evil',
      'x-trpc-source': 'evil',
      'x-own': 'evil',
      'x-api-key': 'evil',
    };
    const { client, headers, requests } = seen({ way });
    await client.tunnel('/api')('/api/x', {
      method: 'POST',
      headers: { 'X-Own': 'mine' },
      body: new Uint8Array(1),
    });
    expect(headers()).toEqual({ 'x-own': 'mine' });
    await client.fetch('/x', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(headers()).toEqual({ 'content-type': 'application/json' });
    await client.fetch('/x');
    expect(headers()).toEqual({});
    expect(requests).toHaveLength(3);
  });

  test('cookies come from inside if there, else from the way', async () => {
    const { client, headers } = seen({ way: { cookie: 'session=way' } });
    const call = client.tunnel('/api');
    await call('/api/x');
    expect(headers()).toEqual({ cookie: 'session=way' });
    await call('/api/x', { headers: { cookie: 'session=mine' } });
    expect(headers()).toEqual({ cookie: 'session=mine' });
  });

  test('public headers are copied outside; those inside count where there are any', async () => {
    const publicHeaders = ['X-Tenant'];
    const { client, headers, outer } = seen({ publicHeaders, client: { publicHeaders } });
    await client.tunnel('/api')('/api/x', { headers: { 'x-tenant': 'a', 'x-own': '1' } });
    expect(headers()).toEqual({ 'x-tenant': 'a', 'x-own': '1' });
    expect(outer[0]?.init.headers).toMatchObject({ 'x-tenant': 'a' });
    expect(Object.keys(outer[0]?.init.headers ?? {})).not.toContain('x-own');

    await client.fetch('/x', { headers: { 'x-tenant': 'a' } });
    expect(headers()).toEqual({ 'x-tenant': 'a' });
    await client.fetch('/x', {
      method: 'POST',
      headers: { 'x-tenant': 'a', 'content-type': 'application/json' },
      body: '{}',
    });
    expect(headers()).toEqual({ 'x-tenant': 'a', 'content-type': 'application/json' });

    const altered = seen({ publicHeaders, client: { publicHeaders }, way: { 'x-tenant': 'b' } });
    await altered.client.tunnel('/api')('/api/x', { headers: { 'x-tenant': 'a' } });
    expect(altered.headers()).toEqual({ 'x-tenant': 'a' });
  });

  test("the URL's origin is the one that the client meant, the signal that of the outer request", async () => {
    const { client, requests, outer } = seen({
      rewrite: (url) => url.replace(ORIGIN, 'http://10.0.0.1:3000'),
    });
    const abort = new AbortController();
    await client.tunnel('/api')('/api/x?q=1', { signal: abort.signal });
    expect(requests[0]?.url).toBe(`${ORIGIN}/api/x?q=1`);
    expect(outer[0]?.url).toBe(`${ORIGIN}/api/sealed`);
    expect(requests[0]?.signal.aborted).toBe(false);
    abort.abort();
    expect(requests[0]?.signal.aborted).toBe(true);
  });
});

describe('answers', () => {
  test('cookies and CORS go outside, public headers both ways, all else inside alone', async () => {
    const { client, outer } = rig(
      () =>
        new Response('{}', {
          status: 201,
          headers: [
            ['Content-Type', 'application/json'],
            ['Set-Cookie', 'a=1; HttpOnly'],
            ['Set-Cookie', 'b=2; Path=/'],
            ['Access-Control-Allow-Origin', 'https://web.example'],
            ['X-Request-Id', 'public'],
            ['X-Own', 'inside'],
            ['ETag', '"1"'],
            ['Vary', 'Cookie'],
            ['Cache-Control', 'max-age=9'],
            ['Connection', 'close'],
            ['X-Nen-Nonce', 'evil'],
          ],
        }),
      { publicHeaders: ['X-Request-Id'] },
    );
    const response = await client.tunnel('/api')('/api/x');
    expect(response.status).toBe(201);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json',
      'x-request-id': 'public',
      'x-own': 'inside',
      etag: '"1"',
      vary: 'Cookie',
      'cache-control': 'max-age=9',
    });
    const outside = outer[0]?.response;
    expect(outside?.status).toBe(200);
    expect(outside?.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2; Path=/']);
    const names = Object.fromEntries([...(outside?.headers ?? [])].filter(([name]) => name !== 'set-cookie'));
    expect(names).toEqual({
      'access-control-allow-origin': 'https://web.example',
      'cache-control': 'no-store, no-transform',
      'content-type': 'application/json',
      'x-request-id': 'public',
    });
  });

  test('row 152: the way adds headers to an answer: the opened one has none of them', async () => {
    const { client } = rig(() => Response.json({}), {});
    const { wrapped } = rig(() => Response.json({}), {});
    expect(wrapped).toBeDefined();
    const response = await client.fetch('/x', { method: 'POST' });
    expect([...response.headers.keys()]).toEqual(['content-type']);
  });
});

describe('CORS', () => {
  const WEB = 'https://web.example';
  const cors = { origins: [WEB], credentials: true, maxAgeSeconds: 60 };

  function preflight(origin: string, path = '/api/nen/handshake'): Request {
    return new Request(ORIGIN + path, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-nen-session',
      },
    });
  }

  test('a preflight is answered for routes and wrapped handlers, without a handler', async () => {
    let ran = 0;
    const { nen, wrapped } = rig(
      () => {
        ran++;
        return new Response();
      },
      { cors, publicHeaders: ['X-Tenant'] },
    );
    for (const response of [
      await nen.routes.OPTIONS(preflight(WEB)),
      await wrapped(preflight(WEB, '/api/trpc/sealed')),
    ]) {
      expect(response.status).toBe(204);
      expect(Object.fromEntries(response.headers)).toEqual({
        'access-control-allow-origin': WEB,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers':
          'Content-Type, X-Nen-Session, X-Nen-Timestamp, X-Nen-Nonce, X-Nen-Signature, X-Nen-Tag, X-Nen-Retry, x-tenant',
        'access-control-max-age': '60',
        vary: 'Origin',
      });
    }
    expect(ran).toBe(0);
  });

  test('another origin gets no permission', async () => {
    const { nen, wrapped } = rig(() => new Response(), { cors });
    for (const origin of ['https://evil.example', 'null', `${WEB}.evil.example`, WEB.toUpperCase()]) {
      const answers = [await nen.routes.OPTIONS(preflight(origin)), await wrapped(preflight(origin))];
      answers.push(await wrapped(new Request(`${ORIGIN}/x`, { headers: { origin } })));
      for (const { headers } of answers) {
        expect(headers.has('access-control-allow-origin')).toBe(false);
        expect(headers.has('access-control-allow-credentials')).toBe(false);
        expect(headers.get('vary')).toBe('Origin');
      }
    }
  });

  test('answers, refusals and handshakes can be read by the page, with the headers it needs', async () => {
    const { client, wrapped, outer, nen } = rig(() => Response.json({}), { cors, way: { Origin: WEB } });
    expect((await client.fetch('/x', { method: 'POST' })).status).toBe(200);
    const refused = await wrapped(new Request(`${ORIGIN}/x`, { headers: { Origin: WEB } }));
    expect(refused.status).toBe(403);
    const handshake = await nen.routes.POST(
      new Request(`${ORIGIN}/api/nen/handshake`, { method: 'POST', headers: { Origin: WEB } }),
    );
    for (const response of [outer[0]?.response, refused, handshake]) {
      expect(response?.headers.get('access-control-allow-origin')).toBe(WEB);
      expect(response?.headers.get('access-control-expose-headers')).toBe(
        'X-Nen-Nonce, X-Nen-Tag, Retry-After',
      );
    }
  });

  test('a redirect or a fetched response of a plain handler passes too', async () => {
    const nen = createNen({
      store: new InMemorySessionStore(),
      plain: 'allow',
      cors,
      onEvent: () => undefined,
    });
    const wrapped = nen.wrap(() => Response.redirect(`${ORIGIN}/there`, 307));
    const response = await wrapped(new Request(`${ORIGIN}/x`, { headers: { Origin: WEB } }));
    expect(response.status).toBe(307);
    expect(response.headers.get('location')).toBe(`${ORIGIN}/there`);
    expect(response.headers.get('access-control-allow-origin')).toBe(WEB);
  });

  test('without the option, OPTIONS goes to the handler as a plain request, and to no route', async () => {
    const sessions: unknown[] = [];
    const { nen, wrapped } = rig((req) => {
      sessions.push(nen.session(req));
      return new Response(null, { status: 204, headers: { Allow: 'POST' } });
    });
    expect((await wrapped(preflight(WEB))).headers.get('allow')).toBe('POST');
    expect(sessions).toEqual([undefined]);
    expect((await nen.routes.OPTIONS(preflight(WEB))).status).toBe(405);
  });
});
