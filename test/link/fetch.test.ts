/** client.fetch and tunnel(): what goes out for which call, and what comes back as a Response. */
import { describe, expect, it, vi } from 'vitest';
import type { NenClientOptions } from '../../src/link/client/client-options.ts';
import { gate } from '../support/gate.ts';
import { collectGarbage } from '../support/used-memory.ts';
import type { Channel, ChannelOptions, Sent } from './channel.ts';
import { ORIGIN, openChannel } from './channel.ts';

const URL_X = `${ORIGIN}/api/x?a=1`;
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** The last outer request that was no handshake. */
function last({ sent }: Channel): Sent {
  const one = sent.at(-1);
  if (one === undefined) throw new Error('nothing was sent');
  return one;
}

const withClient = (client: NenClientOptions, rest: ChannelOptions = {}): Channel =>
  openChannel({ ...rest, client });

describe('without a tunnel', () => {
  it.each([
    ['a GET', { method: 'GET' }, 'none'],
    ['a GET that accepts something', { headers: { accept: 'application/json' } }, 'none'],
    ['a DELETE without a body', { method: 'DELETE' }, 'none'],
    [
      'a JSON body',
      { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } },
      'json',
    ],
    [
      'JSON with a header',
      { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json', 'x-a': '1' } },
      'http',
    ],
    [
      'JSON with a charset',
      { method: 'POST', body: '{}', headers: { 'content-type': 'application/json; charset=utf-8' } },
      'http',
    ],
    [
      'JSON that is empty',
      { method: 'POST', body: '', headers: { 'content-type': 'application/json' } },
      'http',
    ],
    ['text', { method: 'PUT', body: 'é' }, 'http'],
    ['a DELETE with a header', { method: 'DELETE', headers: { 'x-a': '1' } }, 'http'],
  ] as const)('%s %o goes as kind %s', async (_name, init, kind) => {
    for (const encoding of ['json', 'octets'] as const) {
      const channel = withClient({ encoding });
      const response = await channel.client.fetch('/api/x?a=1', init);
      expect([response.status, response.url, await response.json()]).toEqual([200, URL_X, { ok: true }]);
      expect(last(channel)).toMatchObject({
        url: URL_X,
        init: { method: 'method' in init ? init.method : 'GET' },
      });
      const { body, headers } = last(channel).init;
      const isOctets = encoding === 'octets' && kind !== 'none';
      expect(headers['X-Nen-Tag'] === undefined).toBe(kind !== 'none');
      expect(headers['Content-Type']).toBe(
        kind === 'none' ? undefined : isOctets ? 'application/octet-stream' : 'application/json',
      );
      if (kind === 'none') expect(body).toBeNull();
      else if (!isOctets) expect(text(body ?? undefined).startsWith('{"t":"http"')).toBe(kind === 'http');
      const [ran] = channel.ran;
      expect(ran).toMatchObject({ method: 'method' in init ? init.method : 'GET', url: URL_X });
      expect(text(ran?.body)).toBe('body' in init ? init.body : '');
      for (const [name, value] of Object.entries('headers' in init ? init.headers : {})) {
        if (name !== 'accept') expect(ran?.headers.get(name)).toBe(value);
      }
    }
  });

  it.each(['GET', 'HEAD'])(
    'a %s with a header of its own is a TypeError, unless that is public',
    async (method) => {
      const init = { method, headers: { 'X-Tenant': 'a' } };
      const strict = openChannel();
      await expect(strict.client.fetch('/api/x', init)).rejects.toThrow(TypeError);
      expect(strict.sent).toHaveLength(0);
      const open = withClient({ publicHeaders: ['x-tenant'] }, { nen: { publicHeaders: ['X-Tenant'] } });
      expect((await open.client.fetch('/api/x', init)).status).toBe(200);
      expect(last(open).init.headers).toMatchObject({ 'x-tenant': 'a' });
      expect(open.ran[0]?.headers.get('x-tenant')).toBe('a');
    },
  );

  it('a HEAD gives status and no body', async () => {
    const channel = openChannel({ handler: () => new Response('abc', { status: 206 }) });
    const response = await channel.client.fetch('/api/x', { method: 'HEAD' });
    expect([response.status, response.body]).toEqual([206, null]);
    expect(channel.ran[0]?.method).toBe('HEAD');
  });

  it.each([204, 205, 304])('status %i has no body', async (status) => {
    const channel = openChannel({ handler: () => new Response(null, { status }) });
    const response = await channel.client.fetch('/api/x');
    expect([response.status, response.body]).toEqual([status, null]);
  });

  it('an error status of the handler is a Response, with its body', async () => {
    for (const status of [302, 404, 500]) {
      const channel = openChannel({
        handler: () => Response.json({ e: 1 }, { status, headers: { location: '/there' } }),
      });
      const response = await channel.client.fetch('/api/x');
      expect([response.status, response.ok, await response.json()]).toEqual([status, false, { e: 1 }]);
      expect(response.headers.get('location')).toBe('/there');
    }
  });
});

describe('through the tunnel', () => {
  it.each([
    ['/api/trpc', '/api/trpc/notes?a=1', '/api/trpc/sealed'],
    ['', '/notes?a=1', '/sealed'],
  ])('under %j everything is a POST to one path', async (endpoint, target, path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      const channel = openChannel({ endpoint });
      const init = { method, headers: { 'x-a': '1' }, ...(method === 'POST' && { body: 'b' }) };
      const response = await channel.client.tunnel(endpoint)(target, init);
      expect([response.status, response.url]).toEqual([200, ORIGIN + target]);
      expect(last(channel)).toMatchObject({ url: ORIGIN + path, init: { method: 'POST' } });
      expect(Object.keys(last(channel).init.headers)).not.toContain('x-a');
      expect(channel.ran).toMatchObject([{ method, url: ORIGIN + target }]);
      expect(channel.ran[0]?.headers.get('x-a')).toBe('1');
    }
  });

  it('public headers are outside and inside', async () => {
    const channel = withClient({ publicHeaders: ['X-Tenant'] }, { endpoint: '/api/trpc' });
    await channel.client.tunnel('/api/trpc')('/api/trpc/a', { headers: { 'x-tenant': 'a', 'x-b': 'b' } });
    expect(last(channel).init.headers).toMatchObject({ 'x-tenant': 'a' });
    expect(Object.keys(last(channel).init.headers)).not.toContain('x-b');
    expect(channel.ran[0]?.headers.get('x-tenant')).toBe('a');
  });

  it('the status outside tells nothing', async () => {
    const channel = openChannel({
      endpoint: '/api/trpc',
      handler: () => new Response('no', { status: 418 }),
    });
    const statuses: number[] = [];
    channel.way = async (_sent, forward) => {
      const response = await forward();
      statuses.push(response.status);
      return response;
    };
    const response = await channel.client.tunnel('/api/trpc')('/api/trpc/a');
    expect([response.status, await response.text(), statuses]).toEqual([418, 'no', [200, 200]]);
  });
});

describe('the target', () => {
  it.each(['https://other.test/x', '//other.test/x', 'http://nen.test/x', 'https://nen.test:8443/x'])(
    '%s is another origin: a TypeError, and nothing is sent',
    async (url) => {
      const channel = openChannel();
      await expect(channel.client.fetch(url)).rejects.toThrow(TypeError);
      await expect(channel.client.fetch(new URL(url, ORIGIN))).rejects.toThrow(TypeError);
      await expect(channel.client.fetch(new Request(new URL(url, ORIGIN)))).rejects.toThrow(TypeError);
      expect(channel.sent).toHaveLength(0);
    },
  );

  it('data: and blob: URLs never leave the runtime', async () => {
    const channel = openChannel();
    expect(await (await channel.client.fetch('data:,hi')).text()).toBe('hi');
    expect(await (await channel.client.fetch(new URL('data:,hi'))).text()).toBe('hi');
    expect(await (await channel.client.fetch(new Request('data:,hi'))).text()).toBe('hi');
    const url = URL.createObjectURL(new Blob(['blob']));
    expect(await (await channel.client.fetch(url)).text()).toBe('blob');
    URL.revokeObjectURL(url);
    expect(channel.sent).toHaveLength(0);
  });

  it('a fragment is neither sent nor told', async () => {
    const channel = openChannel();
    const response = await channel.client.fetch('/api/x?a=1#secret');
    expect([response.url, last(channel).url, channel.ran[0]?.url]).toEqual([URL_X, URL_X, URL_X]);
  });

  it('a Request with everything in it', async () => {
    const channel = openChannel();
    const request = new Request(URL_X, {
      method: 'PUT',
      body: 'b',
      headers: { 'x-a': '1' },
      credentials: 'omit',
    });
    expect((await channel.client.fetch(request)).status).toBe(200);
    expect(channel.ran).toMatchObject([{ method: 'PUT', url: URL_X }]);
    expect(channel.ran[0]?.headers.get('x-a')).toBe('1');
    expect(last(channel).init.credentials).toBe('omit');
    expect(request.bodyUsed).toBe(true);
  });
});

describe('what the transport is given', () => {
  it('row 150: no cache, no redirect, and only the init of fetch', async () => {
    const channel = withClient({ credentials: 'include' });
    await channel.client.fetch('/api/x', { keepalive: true });
    for (const { init } of channel.sent) {
      expect(init).toMatchObject({ cache: 'no-store', redirect: 'manual', credentials: 'include' });
    }
    expect(last(channel).init.keepalive).toBe(true);
    await channel.client.fetch('/api/x', { credentials: 'omit' });
    expect(last(channel).init.credentials).toBe('omit');
  });

  it('and pays no heed to: a call that is aborted ends at once all the same, and what comes late is let go', async () => {
    const { transport } = openChannel();
    const [asked, late] = [gate(), gate()];
    const left = gate();
    const answer = new Response(new ReadableStream({ cancel: left.open }));
    const { client } = withClient({
      fetch: async (url, init) => {
        if (url.endsWith('/handshake')) return transport(url, init);
        asked.open();
        await late.opened;
        return answer;
      },
    });
    const controller = new AbortController();
    const aborted = expect(client.fetch(URL_X, { signal: controller.signal })).rejects.toThrow('enough');
    await asked.opened;
    controller.abort(new Error('enough'));
    await aborted;
    late.open();
    await left.opened;
  });

  it('and pays no heed to while a body comes: a call that is aborted ends at once all the same', async () => {
    const { transport } = openChannel();
    const read = gate();
    const silent = new ReadableStream({ pull: read.open }, { highWaterMark: 0 });
    const { client } = withClient({
      fetch: async (url, init) =>
        url.endsWith('/handshake')
          ? transport(url, init)
          : new Response(silent, { headers: { 'content-type': 'application/json' } }),
    });
    const controller = new AbortController();
    const aborted = expect(client.fetch(URL_X, { signal: controller.signal })).rejects.toThrow('enough');
    await read.opened;
    controller.abort(new Error('enough'));
    await aborted;
  });
});

describe('the body of a Response', () => {
  const stream = (chunks: readonly string[], ended: (reason?: unknown) => void): Response => {
    let at = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
          const chunk = chunks[at++];
          if (chunk === undefined) return controller.close();
          controller.enqueue(new TextEncoder().encode(chunk));
        },
        cancel: ended,
      }),
      { headers: { 'x-a': '1', 'content-type': 'text/event-stream' } },
    );
  };

  it.each(['json', 'octets'] as const)('streams, in %s', async (encoding) => {
    const channel = withClient({ encoding }, { handler: () => stream(['a', 'b', 'c'], () => undefined) });
    const response = await channel.client.fetch('/api/x', { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([200, '1', 'abc']);
  });

  it.each(['HEAD', 'GET'] as const)('of a %s that nobody can read is cancelled', async (method) => {
    const cancelled = gate();
    const status = method === 'HEAD' ? 200 : 205;
    const channel = openChannel({
      endpoint: '/api/trpc',
      handler: () => {
        const response = stream(Array(1000).fill('x'), () => cancelled.open());
        if (method === 'HEAD') return response;
        // Only a handler of its own making has both.
        return Object.defineProperty(response, 'status', { value: status });
      },
    });
    const response = await channel.client.tunnel('/api/trpc')('/api/trpc/x', { method });
    expect([response.status, response.body]).toEqual([status, null]);
    await cancelled.opened;
  });

  it("a Request's signal still ends it after the Request is forgotten", async () => {
    const never = vi.fn();
    const channel = openChannel({ handler: () => stream(Array(1000).fill('x'), never) });
    const controller = new AbortController();
    const { body } = await channel.client.fetch(
      new Request(`${ORIGIN}/x`, { method: 'POST', body: 'a', signal: controller.signal }),
    );
    const reader = body?.getReader();
    await reader?.read();
    for (let i = 0; i < 5; i++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
    }
    controller.abort(new Error('enough'));
    await expect(reader?.read()).rejects.toThrow('enough');
  });
});
