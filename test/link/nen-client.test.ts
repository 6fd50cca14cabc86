/** NenClient: what it refuses at construction, and what handshake, rotate, terminate and status do. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { randomBytes } from '../../src/crypto/random.ts';
import type { NenClientOptions } from '../../src/link/client/client-options.ts';
import { NenClient } from '../../src/link/client/nen-client.ts';
import { isWiped } from '../faults/interleavings/watched-sessions.ts';
import { gate } from '../support/gate.ts';
import { HANDSHAKE, ORIGIN, openChannel, refusal } from './channel.ts';
import { heldSessions } from './held-sessions.ts';

const STATUS = '/api/nen/status';
const ROTATE = '/api/nen/rotate';
const TERMINATE = '/api/nen/terminate';
const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');

afterEach(() => vi.restoreAllMocks());

describe('construction', () => {
  const wrong: readonly (readonly [string, string, object])[] = [
    ['a base URL of another scheme', 'ftp://nen.test', {}],
    ['a base URL without a host', 'https://', {}],
    ['a base URL that no parser takes', 'https://a b', {}],
    ['a relative base URL', '/api', {}],
    ['a base URL with a password', 'https://user:pass@nen.test', {}],
    ['a base URL with a query', 'https://nen.test?a=1', {}],
    ['an unknown encoding', ORIGIN, { encoding: 'cbor' }],
    ['an envelope limit of 0', ORIGIN, { maxEnvelopeBytes: 0 }],
    ['an envelope limit that is no number', ORIGIN, { maxEnvelopeBytes: Number.NaN }],
    ['a fetch that is no function', ORIGIN, { fetch: 'fetch' }],
    ['session routes with a query', ORIGIN, { nenUrl: 'https://nen.test/api/nen?a=1' }],
    ['session routes of another scheme', ORIGIN, { nenUrl: 'ftp://nen.test/api/nen' }],
    ['a public header that is no header name', ORIGIN, { publicHeaders: ['x y'] }],
    ['a public header that is undefined', ORIGIN, { publicHeaders: [undefined] }],
    ['public headers that are no list', ORIGIN, { publicHeaders: 'x-tenant' }],
    ['a public header that describes the sealed body', ORIGIN, { publicHeaders: ['Content-Type'] }],
    ['a public header of the sealed channel itself', ORIGIN, { publicHeaders: ['X-Nen-Nonce'] }],
  ];
  it.each(wrong)('%s is a TypeError', (_name, baseUrl, options) => {
    expect(() => new NenClient(baseUrl, options as NenClientOptions)).toThrow(TypeError);
  });

  it.each([
    ['', {}],
    ['https://nen.test', {}],
    ['https://nen.test/', {}],
    ['http://127.0.0.1:3000/app', {}],
    ['https://nen.test', { nenUrl: '/other/nen' }],
    ['https://nen.test', { nenUrl: 'https://keys.nen.test/nen', publicHeaders: ['X-Tenant'] }],
  ] as const)('takes %s %o, and opens no connection', (baseUrl, options) => {
    const fetch = vi.fn();
    new NenClient(baseUrl, { ...options, fetch });
    expect(fetch).not.toHaveBeenCalled();
  });

  it('row 145: a runtime without getRandomValues is a clear TypeError, at construction', () => {
    vi.stubGlobal('crypto', {});
    try {
      expect(() => new NenClient(ORIGIN)).toThrow(/getRandomValues/);
    } finally {
      vi.unstubAllGlobals();
    }
    expect(() => new NenClient(ORIGIN)).not.toThrow();
  });

  it('outside of a page, a client without an address says so at the first call', async () => {
    const fetch = vi.fn();
    await expect(new NenClient('', { fetch }).fetch('/api/notes')).rejects.toThrow(TypeError);
    expect(fetch).not.toHaveBeenCalled();
  });

  it.each(['api', '/api/', '/', '/api?x', '/api#x', '/a b', '/é', '//other.test', '/a/../b', '/a\\b'])(
    'a tunnel under %s is a TypeError',
    (endpoint) => {
      expect(() => new NenClient(ORIGIN).tunnel(endpoint)).toThrow(TypeError);
    },
  );

  it('security says that nobody is pinned', () => {
    expect(new NenClient(ORIGIN).security).toBe('unauthenticated');
  });
});

describe('status', () => {
  it('tells the session that the calls use, over a signed GET', async () => {
    const { client, sent, clocks } = openChannel();
    const status = await client.status();
    expect(status).toMatchObject({
      suite: 'ML-KEM-768',
      security: 'unauthenticated',
      createdAt: clocks.server,
    });
    expect(status.expiresAt).toBe(clocks.server + 3_600_000);
    expect(sent.at(-1)).toMatchObject({ path: STATUS, init: { method: 'GET', body: null } });
    expect(sent.at(-1)?.init.headers['X-Nen-Session']).toBe(status.sid);
  });

  it('is never retried', async () => {
    const channel = openChannel();
    channel.way = ({ path }, forward) => (path === STATUS ? Promise.resolve(refusal('ISO-2002')) : forward());
    await expect(channel.client.status()).rejects.toMatchObject({ code: 'ISO-2002', outcome: 'unknown' });
    expect(channel.count(STATUS)).toBe(1);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });
});

describe('rotate', () => {
  it('continues under another session, whose calls work', async () => {
    const channel = openChannel();
    const before = await channel.client.status();
    const { sid } = await channel.client.rotate();
    expect(sid).not.toBe(before.sid);
    expect((await channel.client.status()).sid).toBe(sid);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('that fails on the way leaves the old session in place', async () => {
    const channel = openChannel();
    const { sid } = await channel.client.status();
    channel.way = ({ path }, forward) =>
      path === ROTATE ? Promise.reject(new TypeError('fetch failed')) : forward();
    await expect(channel.client.rotate()).rejects.toMatchObject({ code: 'ISO-4005', outcome: 'unknown' });
    expect((await channel.client.status()).sid).toBe(sid);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('that finds no randomness leaves the old session in place, with nothing held', async () => {
    const channel = openChannel();
    const { sid } = await channel.client.status();
    vi.stubGlobal('crypto', {
      getRandomValues: () => {
        throw new Error('no entropy');
      },
    });
    // The pool too: a runtime's own KEM draws for itself, and the next thing drawn is a nonce.
    expect(() => {
      for (;;) randomBytes(12);
    }).toThrow('no secure randomness');
    await expect(channel.client.rotate()).rejects.toThrow();
    vi.unstubAllGlobals();
    expect((await channel.client.status()).sid).toBe(sid);
    expect(channel.count(ROTATE)).toBe(0);
  });

  it('whose answer is lost costs one new handshake at the next call', async () => {
    const channel = openChannel();
    await channel.client.status();
    channel.way = async ({ path }, forward) => {
      const response = await forward();
      if (path === ROTATE) throw new TypeError('fetch failed');
      return response;
    };
    await expect(channel.client.rotate()).rejects.toMatchObject({ code: 'ISO-4005' });
    const response = await channel.client.fetch('/api/notes', { method: 'POST', body: 'x' });
    expect(await response.json()).toEqual({ ok: true });
    expect(channel.ran).toHaveLength(1);
    expect(channel.count(HANDSHAKE)).toBe(2);
  });

  it('whose answer comes after terminate makes no session', async () => {
    const channel = openChannel();
    await channel.client.status();
    const hold = gate();
    const asked = gate();
    channel.way = async ({ path }, forward) => {
      const response = await forward();
      if (path === ROTATE) {
        asked.open();
        await hold.opened;
      }
      return response;
    };
    const rotating = channel.client.rotate();
    const rotated = expect(rotating).rejects.toMatchObject({ code: 'ISO-2001' });
    await asked.opened;
    await channel.client.terminate().catch(() => undefined);
    hold.open();
    await rotated;
    await expect(channel.client.status()).rejects.toMatchObject({ code: 'ISO-2001', outcome: 'not-run' });
  });

  it.each([
    ['is no hello', {}],
    ['has terms under other keys', { v: 2, sid: 'A'.repeat(22), ct: base64(1088), hs: base64(150) }],
  ])('whose answer %s may have been done by the server', async (_name, answer) => {
    const channel = openChannel();
    await channel.client.status();
    const answering = channel.nen.wrap(() => Response.json(answer));
    channel.way = ({ url, init: { method, headers, body } }) =>
      answering(new Request(url, { method, headers, body }));
    await expect(channel.client.rotate()).rejects.toMatchObject({ code: 'ISO-1007', outcome: 'unknown' });
  });

  it('two at once are one, and calls work', async () => {
    const channel = openChannel();
    await channel.client.status();
    const [one, other] = await Promise.all([channel.client.rotate(), channel.client.rotate()]);
    expect(one.sid).toBe(other.sid);
    await channel.client.status();
    expect(channel.count('/api/nen/rotate')).toBe(1);
    expect(channel.count(HANDSHAKE)).toBe(1);
  });

  it('that takes over 10 s is dropped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const channel = openChannel();
      await channel.client.status();
      channel.way = ({ path }, forward) => (path === ROTATE ? new Promise(() => undefined) : forward());
      const failure = { code: 'ISO-1007', outcome: 'unknown' };
      const dropped = expect(channel.client.rotate()).rejects.toMatchObject(failure);
      await vi.advanceTimersByTimeAsync(10_000);
      await dropped;
      expect(vi.getTimerCount()).toBe(0);
      await channel.client.status();
    } finally {
      vi.useRealTimers();
    }
  });

  const silentBody = () =>
    new Response(new ReadableStream(), { headers: { 'content-type': 'application/json' } });
  it.each([
    ['an answer', () => new Promise<Response>(() => undefined)],
    ['a body', async () => silentBody()],
  ])(
    'under a transport that pays no heed to its signal, waiting for %s, leaves no key once all is over',
    async (_, answer) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { transport, clocks: clock } = openChannel();
        const held = heldSessions();
        const client = new NenClient(ORIGIN, {
          clock,
          fetch: (url, init) => (url.endsWith(ROTATE) ? answer() : transport(url, init)),
        });
        await client.handshake();
        const dropped = expect(client.rotate()).rejects.toMatchObject({ code: 'ISO-1007' });
        await vi.advanceTimersByTimeAsync(10_000);
        await dropped;
        await client.terminate();
        expect([...held].map(isWiped)).toEqual([true]);
      } finally {
        vi.useRealTimers();
      }
    },
  );
});

describe('terminate', () => {
  it('ends the session on both sides, and handshake() makes another', async () => {
    const channel = openChannel();
    const { sid } = await channel.client.status();
    await channel.client.terminate();
    await expect(channel.client.fetch('/api/notes')).rejects.toMatchObject({
      code: 'ISO-2001',
      outcome: 'not-run',
    });
    expect(channel.ran).toHaveLength(0);
    await channel.client.handshake();
    expect((await channel.client.status()).sid).not.toBe(sid);
    expect(channel.count(TERMINATE)).toBe(1);
  });

  it('without a session asks nobody, and still ends the calls to come', async () => {
    const channel = openChannel();
    await channel.client.terminate();
    expect(channel.sent).toHaveLength(0);
    await expect(channel.client.fetch('/api/notes')).rejects.toMatchObject({ code: 'ISO-2001' });
    expect(channel.sent).toHaveLength(0);
  });

  it('twice is the same as once', async () => {
    const channel = openChannel();
    await channel.client.status();
    await channel.client.terminate();
    await channel.client.terminate();
    expect(channel.count(TERMINATE)).toBe(1);
  });

  it('ends the client even if the server can not be told', async () => {
    const channel = openChannel();
    await channel.client.status();
    channel.way = () => Promise.reject(new TypeError('fetch failed'));
    await expect(channel.client.terminate()).rejects.toMatchObject({ code: 'ISO-4005' });
    await expect(channel.client.fetch('/api/notes')).rejects.toMatchObject({ code: 'ISO-2001' });
  });

  it('says so if the server failed at it', async () => {
    const channel = openChannel();
    await channel.client.status();
    const failing = channel.nen.wrap(() => new Response(null, { status: 500 }));
    channel.way = ({ url, init: { method, headers } }) => failing(new Request(url, { method, headers }));
    await expect(channel.client.terminate()).rejects.toMatchObject({ code: 'ISO-4004', status: 500 });
  });

  it('during a handshake drops its answer', async () => {
    const channel = openChannel();
    const [hold, asked] = [gate(), gate()];
    channel.way = async (_sent, forward) => {
      asked.open();
      const response = await forward();
      await hold.opened;
      return response;
    };
    const call = expect(channel.client.fetch('/api/notes')).rejects.toMatchObject({
      code: 'ISO-2001',
      outcome: 'not-run',
    });
    await asked.opened;
    await channel.client.terminate();
    hold.open();
    await call;
    expect(channel.sent.map(({ path }) => path)).toEqual([HANDSHAKE]);
  });
});

describe('a session route that is answered with a stream', () => {
  it.each(['status', 'rotate', 'terminate'] as const)('fails %s, and leaves nothing held', async (action) => {
    const channel = openChannel();
    const held = heldSessions();
    const cancel = vi.fn();
    const silent = new ReadableStream({ pull: () => new Promise(() => undefined), cancel });
    const streaming = channel.nen.wrap(async () => new Response(silent));
    channel.way = ({ path, url, init: { method, headers, body } }, forward) =>
      path === `/api/nen/${action}` ? streaming(new Request(url, { method, headers, body })) : forward();
    await channel.client.handshake();
    await expect(channel.client[action]()).rejects.toMatchObject({ code: 'ISO-4004', status: 200 });
    await channel.client.handshake();
    expect([...held].map(isWiped)).toEqual([true]);
    expect(cancel).toHaveBeenCalledOnce();
  });
});
