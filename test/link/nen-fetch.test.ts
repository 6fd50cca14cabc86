/**
 * nenFetch and nenStream over real HTTP, with what is on the wire recorded: what a call gives, what it
 * throws, and who learns that a stream was left.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createNen, InMemorySessionStore, type Nen, type NenRoute } from '../../src/adapter/server.ts';
import {
  createNenFetch,
  createNenStream,
  NenClient,
  type NenClientOptions,
  NenError,
  NenHttpError,
} from '../../src/link/client/index.ts';
import { serve, type TestServer } from '../support/serve.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A server with one route beside its session routes; `asked` are the paths that it was asked for. */
async function site(make: (nen: Nen) => NenRoute): Promise<{ url: string; asked: string[] }> {
  const nen = createNen({ store: new InMemorySessionStore(), onEvent: () => undefined });
  const route = make(nen);
  const asked: string[] = [];
  server = await serve((req) => {
    asked.push(`${req.method} ${new URL(req.url).pathname}`);
    return req.url.includes('/api/nen/') ? nen.routes.POST(req) : route(req);
  });
  return { url: server.url, asked };
}

const post = (value: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(value) });

async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'nothing failed',
    (error: unknown) => error,
  );
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const encodings: readonly NenClientOptions[] = [{ encoding: 'json' }, { encoding: 'octets' }];

describe.each(encodings)('with %o', (options) => {
  it('createNenFetch shakes hands with its first call, once for calls that come together', async () => {
    const { url, asked } = await site((nen) => nen.withNen((_req, body) => ({ received: body })));
    const nenFetch = createNenFetch(url, options);
    expect(asked).toEqual([]);
    const calls = [1, 2, 3].map((amount) => nenFetch('/api/pay', post({ amount })));
    expect(await Promise.all(calls)).toEqual([1, 2, 3].map((amount) => ({ received: { amount } })));
    expect(asked.filter((line) => line === 'POST /api/nen/handshake')).toHaveLength(1);
  });

  it('createNenStream gives each item as soon as it is yielded', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { url, asked } = await site((nen) =>
      nen.withNenStream(async function* () {
        yield 'first';
        await held;
        yield 'second';
      }),
    );
    const stream = createNenStream(url, options)('/api/chat', post({ prompt: 'hello' }));
    expect(asked).toEqual([]);
    expect(await stream.next()).toEqual({ done: false, value: 'first' });
    release?.();
    expect(await collect(stream)).toEqual(['second']);
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('a call after rotate, and one after the server forgot the session, go on', async () => {
    let store = new InMemorySessionStore();
    const forgetful = {
      epoch: (sid: string) => store.epoch(sid),
      create: (...args: Parameters<typeof store.create>) => store.create(...args),
      read: (...args: Parameters<typeof store.read>) => store.read(...args),
      claim: (...args: Parameters<typeof store.claim>) => store.claim(...args),
      rotate: (...args: Parameters<typeof store.rotate>) => store.rotate(...args),
      delete: (...args: Parameters<typeof store.delete>) => store.delete(...args),
      local: true as const,
    };
    const nen = createNen({ store: forgetful, onEvent: () => undefined });
    const route = nen.withNen((req) => req.method);
    server = await serve((req) => (req.url.includes('/api/nen/') ? nen.routes.POST(req) : route(req)));
    const client = new NenClient(server.url, options);
    await client.handshake();
    expect(await client.nenFetch('/api/x')).toBe('GET');
    await client.rotate();
    expect(await client.nenFetch('/api/x')).toBe('GET');
    store = new InMemorySessionStore();
    expect(await client.nenFetch('/api/x')).toBe('GET');
    await client.terminate();
    expect(NenError.from(await failure(client.nenFetch('/api/x')))?.code).toBe('ISO-2001');
  });

  it('nothing of body, answer and items is on the wire', async () => {
    const { url } = await site((nen) =>
      nen.withNenStream(async function* (_req, body) {
        yield body;
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield 'planted-answer';
      }),
    );
    const wire: string[] = [];
    const client = new NenClient(url, {
      ...options,
      fetch: async (target, init) => {
        wire.push(new TextDecoder('latin1').decode(init.body ?? undefined));
        const response = await fetch(target, init);
        wire.push(await response.clone().text());
        return response;
      },
    });
    expect(await collect(client.nenStream('/api/x', post('planted-body')))).toEqual([
      'planted-body',
      'planted-answer',
    ]);
    expect(wire.join('\n')).not.toContain('planted');
  });
});

describe('nenFetch', () => {
  it('sends a string as JSON, and leaves a content type alone that was given', async () => {
    const { url } = await site((nen) =>
      nen.withNen((req, body) => [req.headers.get('content-type'), req.headers.get('x-own'), body]),
    );
    const { nenFetch } = new NenClient(url);
    expect(await nenFetch('/api/x', post('a'))).toEqual(['application/json', null, 'a']);
    expect(await nenFetch('/api/x', { ...post('a'), headers: [['X-Own', '1']] })).toEqual([
      'application/json',
      '1',
      'a',
    ]);
    const headers = { 'Content-Type': 'text/plain' };
    expect(await nenFetch('/api/x', { ...post('a'), headers })).toEqual(['text/plain', null, '"a"']);
    const form = new URLSearchParams({ a: '1' });
    const sent = await nenFetch<unknown[]>('/api/x', { method: 'POST', body: form });
    expect(sent[0]).toBe('application/x-www-form-urlencoded;charset=UTF-8');
  });

  it('a body that is no JSON is refused before the handler, and says that nothing ran', async () => {
    let ran = 0;
    const { url } = await site((nen) => nen.withNen(() => ++ran));
    const error = NenError.from(
      await failure(createNenFetch(url)('/api/x', { method: 'POST', body: 'no JSON' })),
    );
    expect([error?.code, error?.outcome, ran]).toEqual(['ISO-4006', 'not-run', 0]);
  });

  it('gives the Response of a 2xx that is not JSON', async () => {
    const { url } = await site((nen) => nen.withNen(() => new Response('text', { status: 203 })));
    const response = await createNenFetch(url)<Response>('/api/x');
    expect([response.status, await response.text()]).toEqual([203, 'text']);
  });

  it.each([
    ['JSON', () => Response.json({ why: 'planted' }, { status: 422 }), 422, { why: 'planted' }],
    ['text', () => new Response('planted', { status: 500 }), 500, 'planted'],
    ['nothing', () => new Response(null, { status: 404 }), 404, undefined],
    [
      'a redirect, which it does not follow',
      () => Response.redirect('https://other.example/'),
      302,
      undefined,
    ],
    [
      'JSON that is none',
      () => new Response('{', { status: 400, headers: { 'content-type': 'application/json' } }),
      400,
      '{',
    ],
  ])('throws NenHttpError for a status that is not 2xx, with %s', async (_name, answer, status, data) => {
    const { url } = await site((nen) => nen.withNen(answer));
    const error = await failure(createNenFetch(url)('/api/x'));
    if (!(error instanceof NenHttpError)) throw new Error('no NenHttpError', { cause: error });
    expect([error.status, error.data, error.response?.status]).toEqual([status, data, status]);
    expect(error.response?.bodyUsed).toBe(false);
    expect(NenError.from(error)).toBeUndefined();
  });

  it('reads no more of an error than a whole answer may have', async () => {
    const { url } = await site((nen) =>
      nen.withNen(
        () =>
          new Response(
            new ReadableStream({
              async pull(controller) {
                await new Promise((resolve) => setTimeout(resolve, 1));
                controller.enqueue(new Uint8Array(4096));
              },
            }),
            { status: 500 },
          ),
      ),
    );
    const error = await failure(createNenFetch(url, { maxEnvelopeBytes: 20_000 })('/api/x'));
    expect(NenError.from(error)?.code).toBe('ISO-4003');
  });

  it('a page that a proxy answers with is no answer: ISO-4005 with its status', async () => {
    const { url } = await site(() => async () => new Response('<h1>Bad gateway', { status: 502 }));
    const error = NenError.from(await failure(createNenFetch(url)('/api/x')));
    expect([error?.code, error?.status]).toEqual(['ISO-4005', 502]);
  });

  it('rejects with the reason of its signal', async () => {
    const { url } = await site((nen) => nen.withNen(() => new Promise(() => undefined)));
    const controller = new AbortController();
    const call = createNenFetch(url)('/api/x', { signal: controller.signal });
    setTimeout(() => controller.abort('enough'), 50);
    expect(await failure(call)).toBe('enough');
  });

  it.each(['ftp://x', '/api'])(
    'createNenFetch and createNenStream refuse the base URL %s at once',
    (base) => {
      expect(() => createNenFetch(base)).toThrow(TypeError);
      expect(() => createNenStream(base)).toThrow(TypeError);
    },
  );
});

describe('nenStream, left', () => {
  /** A generator that never ends, and what became of it. */
  async function endless(
    everyMs: number,
  ): Promise<{ url: string; ended: () => boolean; yielded: () => number }> {
    let ended = false;
    let yielded = 0;
    const { url } = await site((nen) =>
      nen.withNenStream(async function* () {
        try {
          for (;;) {
            yield `token ${yielded++} `;
            await new Promise((resolve) => setTimeout(resolve, everyMs));
          }
        } finally {
          ended = true;
        }
      }),
    );
    return { url, ended: () => ended, yielded: () => yielded };
  }

  it('by break, ends the server’s generator', async () => {
    const { url, ended } = await endless(5);
    const got: string[] = [];
    for await (const token of new NenClient(url).nenStream('/api/chat', post(1))) {
      got.push(token);
      if (got.length === 3) break;
    }
    expect(got).toEqual(['token 0 ', 'token 1 ', 'token 2 ']);
    await vi.waitFor(() => expect(ended()).toBe(true), 5_000);
  });

  it('by an exception in the loop, ends it too', async () => {
    const { url, ended } = await endless(5);
    const loop = async (): Promise<void> => {
      for await (const _ of new NenClient(url).nenStream('/api/chat', post(1))) throw new Error('mine');
    };
    await expect(loop()).rejects.toThrow('mine');
    await vi.waitFor(() => expect(ended()).toBe(true), 5_000);
  });

  it('by return() while an item is awaited, ends that wait as the end of the stream', async () => {
    const { url, ended } = await endless(300);
    const stream = new NenClient(url).nenStream('/api/chat', post(1));
    await stream.next();
    const waiting = stream.next();
    expect(await stream.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    await vi.waitFor(() => expect(ended()).toBe(true), 5_000);
  });

  it('before it began, calls nobody', async () => {
    const { url, asked } = await site((nen) => nen.withNenStream(async function* () {}));
    const stream = new NenClient(url).nenStream('/api/chat', post(1));
    expect(await stream.return?.()).toEqual({ done: true, value: undefined });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(asked).toEqual([]);
  });

  it('by its signal, fails with the signal’s reason', async () => {
    const { url, ended } = await endless(5);
    const controller = new AbortController();
    const got: string[] = [];
    const loop = async (): Promise<void> => {
      const init = { ...post(1), signal: controller.signal };
      for await (const token of new NenClient(url).nenStream('/api/chat', init)) {
        got.push(token);
        if (got.length === 2) controller.abort('enough');
      }
    };
    expect(await failure(loop())).toBe('enough');
    expect(got).toHaveLength(2);
    await vi.waitFor(() => expect(ended()).toBe(true), 5_000);
  });

  it('by its signal, gives nothing more of what has arrived together', async () => {
    const { url } = await site((nen) =>
      nen.withNenStream(async function* () {
        yield* ['one', 'two', 'three'];
      }),
    );
    const controller = new AbortController();
    const got: string[] = [];
    const loop = async (): Promise<void> => {
      const init = { ...post(1), signal: controller.signal };
      for await (const token of new NenClient(url).nenStream('/api/chat', init)) {
        got.push(token);
        controller.abort('enough');
      }
    };
    expect(await failure(loop())).toBe('enough');
    expect(got).toEqual(['one']);
  });

  it('nobody’s reading holds the generator back', async () => {
    let yielded = 0;
    const { url } = await site((nen) =>
      nen.withNenStream(async function* () {
        for (;;) {
          yield 'x'.repeat(60_000);
          yielded++;
          await new Promise((resolve) => setTimeout(resolve, 0));
        }
      }),
    );
    const stream = new NenClient(url).nenStream('/api/chat', post(1));
    await stream.next();
    let before = -1;
    await vi.waitFor(
      () => {
        const now = yielded;
        const stands = now === before;
        before = now;
        expect(stands).toBe(true);
      },
      { timeout: 10_000, interval: 300 },
    );
    await stream.return?.();
  }, 20_000);

  it('a stream that the way cuts is ISO-6001, and not its end', async () => {
    const { url } = await endless(5);
    const client = new NenClient(url, {
      fetch: async (target, init) => {
        const response = await fetch(target, init);
        if (!target.endsWith('/api/chat') || response.body === null) return response;
        const reader = response.body.getReader();
        const cut = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const { value } = await reader.read();
            if (value !== undefined) controller.enqueue(value);
            if (++chunks < 3) return;
            await reader.cancel();
            controller.close();
          },
        });
        let chunks = 0;
        return new Response(cut, response);
      },
    });
    const got: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const token of client.nenStream('/api/chat', post(1))) got.push(token);
    };
    expect(NenError.from(await failure(loop()))?.code).toBe('ISO-6001');
    expect(got.length).toBeGreaterThan(0);
  });
});
