/**
 * A real nginx in front, set up well and badly (rows 35, 61, 87, 88, 129, 137, 148, 149, 160): what passes
 * through it works, and what it breaks is refused with a code, on the server or at the client, run at most once.
 */
import { connect as connectHttp2 } from 'node:http2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NenClient, type NenClientOptions, NenError } from '../../src/link/client/index.ts';
import type { Transport } from '../../src/link/client/transport.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { ECHO_PATH, withHeaders } from '../attack/harness.ts';
import { gate } from '../support/gate.ts';
import { describeWithNginx, type Nginx, type NginxOptions, startNginx } from '../support/nginx.ts';
import {
  allRan,
  type Instance,
  type InstanceOptions,
  openSession,
  plainCode,
  send,
  startInstance,
} from './stage.ts';

async function app(options: InstanceOptions = {}): Promise<Instance> {
  const started = await startInstance({ store: new InMemorySessionStore(), ...options });
  onTestFinished(() => started.close());
  return started;
}

async function front(instances: readonly Instance[], options: Partial<NginxOptions> = {}): Promise<Nginx> {
  const started = await startNginx({ upstreams: instances.map(({ port }) => port), ...options });
  onTestFinished(() => started.stop());
  return started;
}

const JSON_POST = { method: 'POST', headers: { 'content-type': 'application/json' } } as const;

const post = (client: NenClient, url: string, body: unknown): Promise<unknown> =>
  client.fetch(url, { ...JSON_POST, body: JSON.stringify(body) }).then((response) => response.json());

/** What a call that must fail ends in. */
async function failure(call: Promise<unknown>) {
  const error = NenError.from(
    await call.then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  );
  if (error === undefined) throw new Error('no NenError');
  return { code: error.code, status: error.status, outcome: error.outcome };
}

const ENCODINGS = ['json', 'octets'] as const;

describeWithNginx('nginx in front: streams', () => {
  /** An answer in three parts, of which the second and the third each wait for their turn. */
  function parts() {
    const turns = [gate(), gate()] as const;
    const answer = (): Response =>
      new Response(
        new ReadableStream({
          async start(controller) {
            const send = (text: string): void => controller.enqueue(new TextEncoder().encode(text));
            send('first');
            await turns[0].opened;
            send('second');
            await turns[1].opened;
            send('third');
            controller.close();
          },
        }),
      );
    return { turns, answer };
  }

  const reading = async (client: NenClient, url: string): Promise<() => Promise<string>> => {
    const { body } = await client.fetch(`${url}${ECHO_PATH}`, { ...JSON_POST, body: '1' });
    if (body === null) throw new Error('no body');
    const reader = body.getReader();
    return async () => new TextDecoder().decode((await reader.read()).value);
  };

  describe.each(ENCODINGS)('in %s', (encoding) => {
    test.each([
      // nginx's own default behind it is HTTP/1.0.
      ['as it comes, buffering', 'proxy_http_version 1.0;'],
      ['with HTTP/1.1 behind it', ''],
      ['without buffering', 'proxy_buffering off;'],
      ['with gzip for every type', 'gzip on; gzip_types *; gzip_min_length 1;'],
    ])('row 88: %s: each part is there before the next is made', async (_, location) => {
      const { turns, answer } = parts();
      const { url } = await front([await app({ answer })], { location });
      const next = await reading(new NenClient(url, { encoding }), url);
      expect(await next()).toBe('first');
      turns[0].open();
      expect(await next()).toBe('second');
      turns[1].open();
      expect(await next()).toBe('third');
      expect(await next()).toBe('');
    });

    test('row 88: told to buffer whatever the answer says: late, and whole', async () => {
      const { turns, answer } = parts();
      const { url } = await front([await app({ answer })], {
        location: 'proxy_http_version 1.0; proxy_ignore_headers X-Accel-Buffering;',
      });
      const first = reading(new NenClient(url, { encoding }), url);
      const soon = new Promise((resolve) => setTimeout(resolve, 300, 'not within 300 ms'));
      expect(await Promise.race([first, soon])).toBe('not within 300 ms');
      for (const turn of turns) turn.open();
      const next = await first;
      let whole = '';
      for (let part = await next(); part !== ''; part = await next()) whole += part;
      expect(whole).toBe('firstsecondthird');
    });

    test('row 87: a silent stream outlives the read time-out, since empty records keep it alive', async () => {
      const { turns, answer } = parts();
      const { url } = await front([await app({ answer, keepAliveMs: 200 })], {
        location: 'proxy_read_timeout 2s;',
      });
      const next = await reading(new NenClient(url, { encoding }), url);
      expect(await next()).toBe('first');
      setTimeout(turns[0].open, 3000);
      expect(await next()).toBe('second');
    });

    test('row 87: nginx gives up on a silent stream: the body fails, it does not just end', async () => {
      const { answer } = parts();
      const { url } = await front([await app({ answer })], { location: 'proxy_read_timeout 1s;' });
      const next = await reading(new NenClient(url, { encoding }), url);
      expect(await next()).toBe('first');
      expect(await failure(next())).toMatchObject({ code: 'ISO-6001', outcome: 'unknown' });
    });
  });
});

describeWithNginx('nginx in front: paths (row 148)', () => {
  const client = (url: string, options?: NenClientOptions): NenClient => new NenClient(url, options);

  test('a prefix that it removes: works with mountPath, and is 3002 with a hint without', async () => {
    const server = 'location /app/ { proxy_pass http://app/; }';
    const [told, untold] = [await app({ mountPath: '/app' }), await app()];
    const { url } = await front([told], { server });
    expect(await post(client(`${url}/app`), `${url}/app${ECHO_PATH}`, 'told')).toBe('told');
    const other = await front([untold], { server });
    const call = post(client(`${other.url}/app`), `${other.url}/app${ECHO_PATH}`, 'untold');
    expect(await failure(call)).toEqual({ code: 'ISO-3002', status: 401, outcome: 'unknown' });
    expect(untold.hints('ISO-3002').join()).toMatch(/path/);
    expect(untold.ran).toEqual([]);
  });

  const ODD_PATHS = ['/api/echo/%61', '/api/echo/a%2Fb', '/api/echo//x', '/api/echo/%C3%A9', '/api/echo/a;b'];

  test.each(ODD_PATHS)('proxy_pass without a path of its own passes %s on as it is: works', async (path) => {
    const at = await app();
    const { url } = await front([at], { location: 'proxy_pass http://app;' });
    expect(await post(client(url), `${url}${path}?q=%61`, 'pay')).toBe('pay');
  });

  test.each(ODD_PATHS.slice(0, 3))(
    'proxy_pass with a path decodes and merges %s: 3002, a hint in the log, and a tunnel has no such path',
    async (path) => {
      const at = await app();
      const { url } = await front([at], { location: 'proxy_pass http://app/;' });
      const sealed = client(url);
      expect(await failure(post(sealed, `${url}${path}`, 'pay'))).toMatchObject({
        code: 'ISO-3002',
        outcome: 'unknown',
      });
      expect(at.hints('ISO-3002').join()).toMatch(/path/);
      expect(at.ran).toEqual([]);
      expect(await post(sealed, `${url}${ECHO_PATH}`, 'plain path')).toBe('plain path');
      if (path.includes('//')) return;
      const tunnel = sealed.tunnel('/api/echo');
      const answer = await tunnel(`${url}${path}`, { ...JSON_POST, body: '"inside"' });
      expect(await answer.json()).toBe('inside');
    },
  );
});

describeWithNginx('nginx in front: headers and limits', () => {
  test('row 35: the underscore form of a header is dropped: the nonce is missing, nothing runs', async () => {
    const at = await app();
    const { port } = await front([at]);
    const session = await openSession({ port, clock: { now: Date.now } });
    const call = await session.seal();
    const nonce = call.headers['X-Nen-Nonce'];
    const renamed = withHeaders(call, { 'X-Nen-Nonce': undefined, X_Nen_Nonce: nonce });
    expect(plainCode(await send({ port }, renamed))).toBe('ISO-3005');
    expect(at.ran).toEqual([]);
    expect(plainCode(await send({ port }, withHeaders(call, { X_Nen_Nonce: 'AAAAAAAAAAAAAAAA' })))).toBe('');
    expect(at.ran.length).toBe(1);
  });

  test('a header beyond its limit is its own page: 4005 with the status; inside the seal there is no such limit', async () => {
    const at = await app({ publicHeaders: ['x-large'] });
    const { url } = await front([at], {
      server: 'client_header_buffer_size 512; large_client_header_buffers 2 1k;',
    });
    const large = { ...JSON_POST.headers, 'x-large': 'x'.repeat(2000) };
    const open = new NenClient(url, { publicHeaders: ['x-large'] });
    const call = open.fetch(`${url}${ECHO_PATH}`, { method: 'POST', headers: large, body: '"open"' });
    expect(await failure(call)).toEqual({ code: 'ISO-4005', status: 400, outcome: 'unknown' });
    const tunnel = new NenClient(url).tunnel('/api/echo');
    const answer = await tunnel(`${url}${ECHO_PATH}`, { method: 'POST', headers: large, body: '"sealed"' });
    expect(await answer.json()).toBe('sealed');
    expect(await post(open, `${url}${ECHO_PATH}`, 'small')).toBe('small');
    expect(at.ran).toEqual(['"sealed"', '"small"']);
  });

  test('a body beyond its limit: 4005 with 413, nothing runs', async () => {
    const at = await app();
    const { url } = await front([at], { server: 'client_max_body_size 4k;' });
    const client = new NenClient(url);
    const call = post(client, `${url}${ECHO_PATH}`, 'x'.repeat(5000));
    expect(await failure(call)).toEqual({ code: 'ISO-4005', status: 413, outcome: 'unknown' });
    expect(await post(client, `${url}${ECHO_PATH}`, 'small')).toBe('small');
    expect(at.ran).toEqual(['"small"']);
  });

  describe.each(ENCODINGS)('row 149, in %s', (encoding) => {
    test('gzip, and headers added and dropped: works', async () => {
      const { url } = await front([await app()], {
        location: `gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
          add_header X-Edge yes always; proxy_hide_header Cache-Control; proxy_set_header X-Request-Id $request_id;`,
      });
      const transport: Transport = async (at, init) => {
        const response = await fetch(at, init as RequestInit);
        if (!at.endsWith('/handshake')) expect(response.headers.get('content-encoding')).toBe('gzip');
        return response;
      };
      const text = 'gzip '.repeat(400);
      const client = new NenClient(url, { encoding, fetch: transport });
      expect(await post(client, `${url}${ECHO_PATH}`, text)).toBe(text);
    });

    test('HTTP/2 in front of HTTP/1.1: works', async () => {
      const { url } = await front([await app()], { listen: 'http2' });
      const connection = connectHttp2(url);
      onTestFinished(() => connection.destroy());
      const client = new NenClient(url, { encoding, fetch: overHttp2(connection) });
      expect(await post(client, `${url}${ECHO_PATH}?q=1`, 'pay')).toBe('pay');
    });
  });
});

/** A transport over one HTTP/2 connection, whose header names are all lower case. */
function overHttp2(connection: ReturnType<typeof connectHttp2>): Transport {
  return async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url);
    const stream = connection.request({
      ':method': method,
      ':path': pathname + search,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    });
    stream.end(body ?? undefined);
    const answered = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', resolve).once('error', reject);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const answerHeaders = Object.entries(answered).filter(([name]) => !name.startsWith(':'));
    return new Response(Buffer.concat(chunks), {
      status: Number(answered[':status']),
      headers: Object.fromEntries(answerHeaders.map(([name, value]) => [name, String(value)])),
    });
  };
}

describeWithNginx('nginx in front: what it keeps', () => {
  const CACHE = 'proxy_cache cache; proxy_cache_valid any 1m; proxy_cache_key $request_uri;';

  test('row 61: a cache keeps no sealed answer', async () => {
    const at = await app({ answer: (_, req) => Response.json(new URL(req.url).search) });
    const { url } = await front([at], { location: CACHE });
    for (let i = 0; i < 2; i++) {
      const response = await new NenClient(url).fetch(`${url}${ECHO_PATH}?page=1`);
      expect(await response.json()).toBe('?page=1');
    }
    expect(at.ran.length).toBe(2);
  });

  test("row 61: a cache told to keep everything gives another client's answer: it doesn't open", async () => {
    const at = await app({ answer: (_, req) => Response.json(new URL(req.url).search) });
    const { url } = await front([at], {
      location: `${CACHE} proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;`,
    });
    const [one, other] = [new NenClient(url), new NenClient(url)];
    expect(await (await one.fetch(`${url}${ECHO_PATH}?page=1`)).json()).toBe('?page=1');
    expect(await failure(other.fetch(`${url}${ECHO_PATH}?page=1`))).toMatchObject({ code: 'ISO-4004' });
    expect(at.ran.length).toBe(1);
    expect(await (await other.fetch(`${url}${ECHO_PATH}?page=2`)).json()).toBe('?page=2');
  });

  test('row 129: its log, with request bodies, holds nothing of a tunnelled call', async () => {
    const at = await app();
    const nginx = await front([at]);
    const tunnel = new NenClient(nginx.url).tunnel('/api/echo');
    const answer = await tunnel(`${nginx.url}/api/echo/canary-path?q=canary-query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-word': 'canary-header' },
      body: '"canary-body"',
    });
    expect(await answer.json()).toBe('canary-body');
    const log = nginx.read('access.log');
    expect(log).toContain('POST /api/echo/sealed');
    expect(log).toMatch(/\\x22ct\\x22/);
    expect(log + nginx.read('error.log')).not.toContain('canary');
  });
});

describeWithNginx('nginx in front: servers that die (rows 137, 160)', () => {
  /** Two instances over one store. The first that is given a call to pay dies while it runs it. */
  async function pair(): Promise<Instance[]> {
    const store = new InMemorySessionStore();
    const instances: Instance[] = [];
    for (let i = 0; i < 2; i++) {
      const during = async (body: string): Promise<void> => {
        if (body === '"pay"') await instances[i]?.close();
      };
      instances.push(await app({ store, during }));
    }
    return instances;
  }

  test.each([
    ['as it comes, it repeats no POST', '', { code: 'ISO-4005', status: 502 }],
    [
      'told to repeat even a POST: the copy is refused',
      'proxy_next_upstream error timeout non_idempotent;',
      { code: 'ISO-5001', status: 409 },
    ],
  ])('%s: it ran once, and the client does not know', async (_, location, expected) => {
    const instances = await pair();
    const { url, read } = await front(instances, { location });
    const client = new NenClient(url);
    const call = post(client, `${url}${ECHO_PATH}`, 'pay');
    expect(await failure(call)).toEqual({ ...expected, outcome: 'unknown' });
    expect(allRan(instances)).toEqual(['"pay"']);
    const attempts = read('access.log').trim().split('\n').at(-1)?.split(' ').slice(-2);
    expect(attempts).toEqual(location === '' ? [expect.any(String), '502'] : ['502,', '409']);
    expect(await post(client, `${url}${ECHO_PATH}`, 'after')).toBe('after');
  });

  test('row 160: all are down: its page is no answer: 4005 with the status', async () => {
    const at = await app();
    const { url } = await front([at]);
    const client = new NenClient(url);
    expect(await post(client, `${url}${ECHO_PATH}`, 'before')).toBe('before');
    await at.close();
    expect(await failure(post(client, `${url}${ECHO_PATH}`, 'lost'))).toEqual({
      code: 'ISO-4005',
      status: 502,
      outcome: 'unknown',
    });
    expect(at.ran).toEqual(['"before"']);
  });
});
