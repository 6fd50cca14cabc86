/** createNen's options: what is wrong is a TypeError at once, what is right has its effect. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  createNen,
  InMemorySessionStore,
  type NenError,
  type NenEvent,
  type NenOptions,
  type NenSession,
  tokenBucket,
} from '../../src/adapter/server.ts';
import { turn } from './bodies.ts';
import { ORIGIN, rig } from './rig.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What TypeScript would not let through. */
const wrong = (options: object): NenOptions => options as NenOptions;

describe('wrong options', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['no origins', { origins: [] }],
    ['an origin with a path', { origins: ['https://app.example/'] }],
    ['an origin that is none', { origins: ['app.example'] }],
    ['an undefined origin', { origins: [undefined] }],
    ['a mountPath that ends with a slash', { mountPath: '/app/' }],
    ['a mountPath without a slash', { mountPath: 'app' }],
    ['a mountPath that a URL spells otherwise', { mountPath: '/a/../b' }],
    ['a mountPath with a query', { mountPath: '/app?x' }],
    ['an unknown plain policy', { plain: 'maybe' }],
    ['a limit of 0', { maxBodyBytes: 0 }],
    ['a limit that is NaN', { maxBodyBytes: Number.NaN }],
    ['an endless session', { sessionTtlMs: Number.POSITIVE_INFINITY }],
    ['half a millisecond', { sessionTtlMs: 0.5 }],
    ['a negative rest', { sessionIdleMs: -1 }],
    ['no keep-alive', { keepAliveMs: 0 }],
    ['a header name with a space', { edgeHeaders: ['x edge'] }],
    ['an empty header name', { publicHeaders: [''] }],
    ['an undefined header name', { publicHeaders: [undefined] }],
    ['a public header of our own', { publicHeaders: ['X-Nen-Nonce'] }],
    ['a public header that lets the way keep what is sealed', { publicHeaders: ['Cache-Control'] }],
    ['CORS for nobody', { cors: { origins: [] } }],
    ['CORS for an origin with a path', { cors: { origins: ['https://web.example/'] } }],
    ['CORS for everybody', { cors: { origins: ['*'] } }],
    ['CORS without origins', { cors: {} }],
    ['a listener that is none', { onEvent: 'log' }],
    ['a clock that is none', { clock: 5 }],
  ];

  for (const [name, options] of cases) {
    test(`${name} is a TypeError`, () => {
      expect(() => createNen(wrong(options))).toThrow(TypeError);
    });
  }

  for (const endpoint of [
    '/api/trpc/',
    'api/trpc',
    '/api/trpc?x',
    'https://app.example/api/trpc',
    '/a/../b',
  ]) {
    test(`an endpoint '${endpoint}' is a TypeError`, () => {
      expect(() => createNen().wrap(() => new Response(), { endpoint })).toThrow(TypeError);
    });
  }

  test('no options at all are good ones', () => {
    expect(() => createNen()).not.toThrow();
    expect(() => createNen().wrap(() => new Response(), { endpoint: '' })).not.toThrow();
  });

  test('a token bucket without a rate is a TypeError', () => {
    const global = { perSecond: 1, burst: 1 };
    expect(() => tokenBucket({ perSecond: 0, burst: 1, global })).toThrow(TypeError);
    expect(() => tokenBucket({ perSecond: 1, burst: Number.NaN, global })).toThrow(TypeError);
    expect(() => tokenBucket({ perSecond: 1, burst: 1, global: { perSecond: 1, burst: 0 } })).toThrow(
      TypeError,
    );
    expect(() => tokenBucket({ perSecond: 1, burst: 1, global, maxAddresses: 0 })).toThrow(TypeError);
  });

  test('a browser is told that it holds the server side', () => {
    vi.stubGlobal('window', {});
    vi.stubGlobal('document', {});
    expect(() => createNen()).toThrow(TypeError);
    vi.unstubAllGlobals();
  });
});

describe('origins', () => {
  test('a handshake for another origin is refused with 1003', async () => {
    const { client } = rig(() => new Response(), { origins: ['https://other.example'] });
    await expect(client.handshake()).rejects.toMatchObject({ code: 'ISO-1003', outcome: 'not-run' });
  });

  test('one for an accepted origin is answered', async () => {
    const { client } = rig(() => new Response('yes'), { origins: ['https://other.example', ORIGIN] });
    expect(await (await client.fetch('/x', { method: 'POST' })).text()).toBe('yes');
  });
});

describe('mountPath', () => {
  const strip = (url: string): string => url.replace('/app/', '/');

  test('behind a proxy that removes a prefix, the server verifies what the client signed and sees what it was given', async () => {
    const urls: string[] = [];
    const { client } = rig(
      (req) => {
        urls.push(req.url);
        return Response.json({});
      },
      { mountPath: '/app', rewrite: strip, client: { nenUrl: `${ORIGIN}/api/nen` } },
    );
    // The session routes are not behind that prefix here, so only calls are signed with it.
    const calls = await Promise.allSettled([
      client.fetch('/app/api/x?a=1'),
      client.fetch('/app/api/x', { method: 'POST', headers: { 'x-own': '1' }, body: 'x' }),
      client.tunnel('/app/api/trpc')('/app/api/trpc/hello?b=2'),
    ]);
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(urls).toEqual([`${ORIGIN}/api/x?a=1`, `${ORIGIN}/api/x`, `${ORIGIN}/api/trpc/hello?b=2`]);
  });

  test('without it the signature fails', async () => {
    const { client } = rig(() => new Response(), { rewrite: strip });
    await expect(client.fetch('/app/api/x')).rejects.toMatchObject({ code: 'ISO-3002' });
  });
});

describe('check()', () => {
  test('a store that answers is good', async () => {
    await expect(createNen({ store: new InMemorySessionStore() }).check()).resolves.toBeUndefined();
  });

  test("a store that doesn't is ISO-2003, without what it said", async () => {
    class Broken extends InMemorySessionStore {
      override epoch(): Promise<string> {
        return Promise.reject(new Error('redis://user:secret@host refused'));
      }
    }
    const nen = createNen({ store: new Broken() });
    const error = await nen.check().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ISO-2003' });
    expect(JSON.stringify([error, (error as NenError).hint, String((error as Error).cause)])).not.toContain(
      'secret',
    );
  });
});

describe('wrap', () => {
  test('lets nobody in by an option that is none of its own', async () => {
    const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
    const policy = { plain: 'allow', refusal: 'ISO-3001' };
    const open = [nen.wrap(() => new Response('in'), policy as object)];
    open.push(Reflect.apply(nen.wrap, nen, [() => new Response('in'), {}, policy]));
    for (const wrapped of open) expect((await wrapped(new Request(`${ORIGIN}/api/x`))).status).toBe(403);
  });
});

describe('nen.session', () => {
  test('a sealed call has its session, a plain one none', async () => {
    const sessions: unknown[] = [];
    const { nen, client, wrapped } = rig(
      (req) => {
        sessions.push(nen.session(req));
        return new Response();
      },
      { plain: 'allow' },
    );
    await client.fetch('/x', { method: 'POST' });
    await wrapped(new Request(`${ORIGIN}/x`));
    const { sid, expiresAt } = await client.status();
    expect(sessions).toMatchObject([
      {
        sid,
        suite: 'ML-KEM-768',
        audience: ORIGIN,
        createdAt: expect.any(Date),
        expiresAt: new Date(expiresAt),
      },
      undefined,
    ]);
  });

  test('its exporter throws once the session is over: a wiped secret is known to everybody', async () => {
    const sessions: (NenSession | undefined)[] = [];
    const { nen, client } = rig((req) => {
      sessions.push(nen.session(req));
      return new Response();
    });
    await client.fetch('/x', { method: 'POST' });
    expect(sessions[0]?.exporter('login')).toEqual(await client.exporter('login'));
    await client.terminate();
    expect(() => sessions[0]?.exporter('login')).toThrow(/wiped/);
  });

  test('any other request is a TypeError: one from nowhere, a copy, the outer one, one of another instance', async () => {
    const other = createNen({ store: new InMemorySessionStore() });
    const failures: unknown[] = [];
    const attempt = (run: () => unknown): void => {
      try {
        failures.push(run());
      } catch (error) {
        failures.push(error instanceof TypeError);
      }
    };
    const { nen, client } = rig((req) => {
      attempt(() => nen.session(new Request(ORIGIN)));
      attempt(() => nen.session(req.clone()));
      attempt(() => other.session(req));
      attempt(() => nen.session({} as Request));
      return new Response();
    });
    await client.fetch('/x', { method: 'POST' });
    expect(failures).toEqual([true, true, true, true]);
  });
});

describe('events', () => {
  test('each thing that happens is told, and no key, payload or query', async () => {
    const { client, events, wrapped } = rig(
      (req) => {
        if (req.url.includes('throw')) throw new Error('handler');
        if (!req.url.includes('stream')) return Response.json({ answer: 'canary' });
        return new Response(new ReadableStream({ start: endless }));
      },
      { plain: 'allow' },
    );
    async function endless(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      for (let i = 0; i < 2; i++) await turn();
      controller.enqueue(new TextEncoder().encode('canary'));
      controller.close();
    }
    const call = client.tunnel('/api');
    await call('/api/hello?secret=canary', {
      method: 'POST',
      headers: { authorization: 'canary' },
      body: 'canary',
    });
    await (await call('/api/stream')).text();
    await call('/api/throw');
    await wrapped(new Request(`${ORIGIN}/plain?secret=canary`));
    await wrapped(new Request(`${ORIGIN}/bad?secret=canary`, { headers: { 'X-Nen-Session': 'canary' } }));
    await client.rotate();
    const types = events.map(({ type }) => type);
    expect(types).toEqual([
      'handshake',
      'call',
      'call',
      'stream-ended',
      'call',
      'handler-error',
      'plain',
      'refused',
      'handshake',
    ]);
    const of = <T extends NenEvent['type']>(type: T): readonly unknown[] =>
      events.filter((event) => event.type === type);
    const sid = expect.stringMatching(/^[A-Za-z0-9_-]{22}$/);
    expect(of('handshake')).toEqual([
      { type: 'handshake', sid, suite: 'ML-KEM-768', audience: ORIGIN, rotated: false },
      { type: 'handshake', sid, suite: 'ML-KEM-768', audience: ORIGIN, rotated: true },
    ]);
    expect(of('call')[0]).toEqual({ type: 'call', sid, method: 'POST', path: '/api/hello' });
    expect(of('stream-ended')).toEqual([{ type: 'stream-ended', sid, outcome: 'final', bytes: 6 }]);
    expect(of('plain')).toEqual([{ type: 'plain', method: 'GET', path: '/plain', count: 1 }]);
    expect(of('refused')).toEqual([
      { type: 'refused', code: 'ISO-3001', hint: expect.any(String), path: '/bad' },
    ]);
    expect(JSON.stringify(events)).not.toContain('canary');
  });

  test('a listener that throws, or whose promise rejects, changes nothing', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    for (const onEvent of [
      () => {
        throw new Error('listener');
      },
      () => Promise.reject(new Error('listener')),
    ]) {
      const { client } = rig(() => new Response('yes'), { onEvent: onEvent as () => void });
      expect(await (await client.fetch('/x', { method: 'POST' })).text()).toBe('yes');
    }
    await Promise.resolve();
    expect(errors).toHaveBeenCalledTimes(4);
  });

  test('without a listener a refusal is one line on the console, per code and minute', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    let now = 1_790_000_000_000;
    const nen = createNen({ store: new InMemorySessionStore(), clock: () => now });
    const wrapped = nen.wrap(() => new Response());
    const plain = (): Promise<Response> => wrapped(new Request(`${ORIGIN}/x`));
    const unsigned = (): Promise<Response> =>
      wrapped(new Request(`${ORIGIN}/x`, { headers: { 'X-Nen-Nonce': 'canary' } }));
    for (let i = 0; i < 5; i++) await plain();
    expect(warn).toHaveBeenCalledTimes(1);
    await unsigned();
    expect(warn).toHaveBeenCalledTimes(2);
    now += 59_999;
    await plain();
    expect(warn).toHaveBeenCalledTimes(2);
    now += 1;
    await plain();
    expect(warn).toHaveBeenCalledTimes(3);
    for (const [line] of warn.mock.calls)
      expect(line).toMatch(/^trpc-nen: refused with ISO-300[17]: [^\n]+$/);
    expect(JSON.stringify(warn.mock.calls)).not.toContain('canary');
  });
});

describe('a rate limiter of the application', () => {
  test('it is asked with the address', async () => {
    const asked: unknown[] = [];
    const { client } = rig(() => new Response(), {
      way: { 'x-real-ip': '192.0.2.1' },
      clientAddress: (req) => req.headers.get('x-real-ip') ?? undefined,
      rateLimit: async (address) => {
        asked.push(address);
        return asked.length > 1 ? 7 : 0;
      },
    });
    await client.handshake();
    await expect(client.handshake()).rejects.toMatchObject({ code: 'ISO-1008', status: 429 });
    expect(asked).toEqual(['192.0.2.1', '192.0.2.1']);
  });

  test('one that fails refuses: no session is made', async () => {
    const { client, events } = rig(() => new Response(), {
      rateLimit: () => Promise.reject(new Error('limiter down')),
    });
    await expect(client.handshake()).rejects.toMatchObject({ code: 'ISO-1007', status: 500 });
    expect(events.map(({ type }) => type)).toEqual(['handler-error']);
  });
});

describe('a clock with fractions', () => {
  test('the session works all the same', async () => {
    const { client } = rig(() => new Response('yes'), {
      clock: () => 1_790_000_000_000.75,
      store: new InMemorySessionStore({ now: () => 1_790_000_000_000 }),
    });
    expect(await (await client.fetch('/x', { method: 'POST' })).text()).toBe('yes');
  });
});
