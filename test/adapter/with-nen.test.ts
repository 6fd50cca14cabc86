/**
 * withNen and withNenStream: what a handler is given, what becomes of what it returns or throws, and what
 * the way sees of it. Route and client in one process; over HTTP: test/link/nen-fetch.test.ts.
 */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createNen,
  InMemorySessionStore,
  type Nen,
  type NenEvent,
  NenHttpError,
  type NenOptions,
  type NenRoute,
  type StandardSchema,
} from '../../src/adapter/server.ts';
import { NenClient, NenError } from '../../src/link/client/index.ts';

const ORIGIN = 'https://app.example';

interface Stage {
  readonly client: NenClient;
  readonly route: NenRoute;
  readonly events: NenEvent[];
  /** The outer requests and answers. */
  readonly wire: { readonly req: Request; readonly sent: string; readonly answer: Response }[];
}

function stage(make: (nen: Nen) => NenRoute, options: NenOptions & { readonly next?: unknown } = {}): Stage {
  const { next, ...nenOptions } = options;
  const events: NenEvent[] = [];
  const wire: Stage['wire'] = [];
  const nen = createNen({
    store: new InMemorySessionStore(),
    onEvent: (event) => events.push(event),
    ...nenOptions,
  });
  const route = make(nen);
  const client = new NenClient(ORIGIN, {
    fetch: async (url, init) => {
      const req = new Request(url, init);
      if (url.includes('/api/nen/')) return nen.routes.POST(req);
      const sent = await req.clone().text();
      const answer = await route(req, next);
      wire.push({ req, sent, answer: answer.clone() });
      // HTTP brings no body with the answer to a HEAD.
      return init.method === 'HEAD' ? new Response(null, answer) : answer;
    },
  });
  return { client, route, events, wire };
}

/** What a call was refused with. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'nothing failed',
    (error: unknown) => error,
  );
}

async function httpError(call: Promise<unknown>): Promise<NenHttpError> {
  const error = await failure(call);
  if (error instanceof NenHttpError) return error;
  throw new Error('no NenHttpError', { cause: error });
}

const post = (value: unknown): RequestInit => ({ method: 'POST', body: JSON.stringify(value) });

describe('the method matrix', () => {
  const withBody: readonly (readonly [string, unknown])[] = [
    ['POST', { secret: 'planted' }],
    ['PUT', { secret: 'planted' }],
    ['PATCH', { secret: 'planted' }],
    ['DELETE', { secret: 'planted' }],
    ['GET', undefined],
    ['DELETE', undefined],
    ['POST', undefined],
  ];
  it.each(withBody)(
    '%s with the body %o: opened for the handler, its answer sealed',
    async (method, value) => {
      const { client, wire } = stage((nen) =>
        nen.withNen((req, body) => ({ method: req.method, url: req.url, body: body ?? 'none' })),
      );
      const init = { method, ...(value !== undefined && { body: JSON.stringify(value) }) };
      expect(await client.nenFetch('/api/x?q=1', init)).toEqual({
        method,
        url: `${ORIGIN}/api/x?q=1`,
        body: value ?? 'none',
      });
      expect(wire).toHaveLength(1);
      expect(wire[0]?.req.method).toBe(method);
      expect(wire[0]?.sent).not.toContain('planted');
      expect(Object.keys((await wire[0]?.answer.json()) as object).sort()).toEqual(['ct', 'n']);
    },
  );

  it('HEAD: the handler runs, the status arrives authenticated, and no body', async () => {
    const ran: string[] = [];
    const { client, wire } = stage((nen) => nen.withNen((req) => void ran.push(req.method)));
    const response = await client.nenFetch<Response>('/api/x', { method: 'HEAD' });
    expect([response.status, response.body, ran]).toEqual([204, null, ['HEAD']]);
    expect(wire[0]?.answer.headers.has('x-nen-tag')).toBe(true);
  });

  it('OPTIONS runs no handler', async () => {
    let ran = 0;
    const { route } = stage((nen) => nen.withNen(() => ++ran));
    const response = await route(new Request(`${ORIGIN}/api/x`, { method: 'OPTIONS' }));
    expect([response.status, ran]).toEqual([204, 0]);
  });
});

describe('the body', () => {
  const received = async (init: RequestInit): Promise<unknown> => {
    let got: unknown;
    const { client } = stage((nen) =>
      nen.withNen((_req, body) => {
        got = body;
      }),
    );
    await client.nenFetch('/api/x', { method: 'POST', ...init });
    return got;
  };

  it.each([null, 0, '', 'text', [1, { a: null }]])('that is the JSON %o is that value', async (value) => {
    expect(await received({ body: JSON.stringify(value) })).toEqual(value);
  });

  it('of another type is what its type says', async () => {
    const typed = (body: string, type: string): RequestInit => ({ body, headers: { 'content-type': type } });
    expect(await received(typed('{"a":1}', 'application/problem+json; charset=utf-8'))).toEqual({ a: 1 });
    expect(await received(typed('{"a":1}', 'text/plain'))).toBe('{"a":1}');
    expect(await received({ body: new Uint8Array([1, 2]) })).toEqual(new Uint8Array([1, 2]));
    expect(await received(typed('a=1&b=2', 'application/x-www-form-urlencoded'))).toBeInstanceOf(FormData);
  });

  it('that is a form with a file is FormData', async () => {
    const form = new FormData();
    form.set('name', 'planted');
    form.set('file', new File(['inside'], 'a.txt'));
    const got = await received({ body: form });
    if (!(got instanceof FormData)) throw new Error('no FormData');
    expect(got.get('name')).toBe('planted');
    expect(await (got.get('file') as File).text()).toBe('inside');
  });

  it('can be read from the request too', async () => {
    const { client } = stage((nen) => nen.withNen(async (req) => req.json()));
    expect(await client.nenFetch('/api/x', post({ a: 1 }))).toEqual({ a: 1 });
  });

  it('that is not what its type says is a sealed 400, and the handler does not run', async () => {
    let ran = 0;
    const { client } = stage((nen) => nen.withNen(() => ++ran));
    const headers = { 'content-type': 'application/json', 'x-own': '1' };
    const error = await httpError(client.nenFetch('/api/x', { method: 'POST', body: '{', headers }));
    expect([error.status, error.data, ran]).toEqual([
      400,
      { error: { message: 'The body is not application/json.' } },
      0,
    ]);
  });
});

describe('the context', () => {
  it.each([
    ['a promise (Next 15 and 16)', Promise.resolve({ id: '7', path: ['a', 'b'] })],
    ['a plain object (Next 14)', { id: '7', path: ['a', 'b'] }],
  ])('gives params from %s, awaited or not', async (_name, params) => {
    const { client } = stage(
      (nen) =>
        nen.withNen(async (_req, _body, context) => ({
          at_once: [context.params.id, context.params.path],
          awaited: await context.params,
        })),
      { next: { params } },
    );
    expect(await client.nenFetch('/api/x/7')).toEqual({
      at_once: ['7', ['a', 'b']],
      awaited: { id: '7', path: ['a', 'b'] },
    });
  });

  it.each([undefined, null, {}, { params: undefined }, 'text'])(
    'lives with %o from elsewhere',
    async (next) => {
      const { client } = stage((nen) => nen.withNen(async (_req, _body, { params }) => params), { next });
      expect(await client.nenFetch('/api/x')).toEqual({});
    },
  );

  it('stays a promise for a parameter that is called then', async () => {
    const params = Object.fromEntries(['then', 'catch', 'id'].map((name) => [name, name]));
    const { client } = stage(
      (nen) => nen.withNen(async (_req, _body, context) => (await context.params).id),
      {
        next: { params },
      },
    );
    expect(await client.nenFetch('/api/x')).toBe('id');
  });

  it('tells the session, whose exporter both ends share', async () => {
    const { client } = stage((nen) =>
      nen.withNen((_req, _body, { session }) => ({
        sid: session?.sid,
        key: [...(session?.exporter('login') ?? [])],
      })),
    );
    const { sid, key } = await client.nenFetch<{ sid: string; key: number[] }>('/api/x');
    expect(sid).toHaveLength(22);
    expect(key).toEqual([...(await client.exporter('login'))]);
  });
});

describe('what the handler returns', () => {
  it.each([null, 0, false, '', 'text', [], { deep: [{ a: null }] }])('%o arrives as it is', async (value) => {
    const { client } = stage((nen) => nen.withNen(() => value));
    expect(await client.nenFetch('/api/x')).toEqual(value);
  });

  it('undefined is 204', async () => {
    const { client } = stage((nen) => nen.withNen(() => undefined));
    expect((await client.nenFetch<Response>('/api/x', post(1))).status).toBe(204);
  });

  it('a Response goes through sealed: status, headers and body', async () => {
    const { client, wire } = stage((nen) =>
      nen.withNen(
        () => new Response('planted', { status: 201, headers: { 'x-own': 'secret', 'set-cookie': 'a=1' } }),
      ),
    );
    const response = await client.nenFetch<Response>('/api/x', post(1));
    expect([response.status, await response.text(), response.headers.get('x-own')]).toEqual([
      201,
      'planted',
      'secret',
    ]);
    const outer = wire[0]?.answer;
    expect(outer?.headers.get('x-own')).toBeNull();
    expect(outer?.headers.get('set-cookie')).toBe('a=1');
    expect(await outer?.text()).not.toContain('planted');
  });

  it.each([
    ['a bigint', () => 1n],
    ['a function', () => () => 1],
    ['an async iterable', async function* () {}],
    ['a stream', () => new ReadableStream()],
  ])('%s is a mistake: a sealed 500, told in the log', async (_name, handler) => {
    const { client, events } = stage((nen) => nen.withNen(handler as () => unknown));
    const error = await httpError(client.nenFetch('/api/x'));
    expect(error.status).toBe(500);
    expect(events.find(({ type }) => type === 'handler-error')).toMatchObject({
      error: expect.any(TypeError),
    });
  });
});

describe('what the handler throws', () => {
  const thrown = (error: unknown): Stage =>
    stage((nen) =>
      nen.withNen(() => {
        throw error;
      }),
    );

  it('a NenHttpError has the status and data of its choice, sealed', async () => {
    const { client, wire, events } = thrown(new NenHttpError(404, { message: 'planted' }));
    const error = await httpError(client.nenFetch('/api/x', post(1)));
    expect([error.status, error.data, error.message]).toEqual([
      404,
      { message: 'planted' },
      'The handler answered with status 404.',
    ]);
    expect(error.response?.status).toBe(404);
    expect(await error.response?.json()).toEqual({ message: 'planted' });
    expect(await wire[0]?.answer.text()).not.toContain('planted');
    expect(events.map(({ type }) => type)).not.toContain('handler-error');
  });

  it('a NenHttpError without data has no body', async () => {
    const error = await httpError(thrown(new NenHttpError(403)).client.nenFetch('/api/x'));
    expect([error.status, error.data]).toEqual([403, undefined]);
  });

  it('a NenHttpError of another module instance counts too', async () => {
    const brand = { [Symbol.for('trpc-nen.http-error')]: true };
    const twin = Object.assign(new Error('a twin'), { status: 418, data: 'tea', response: undefined }, brand);
    const error = await httpError(thrown(twin).client.nenFetch('/api/x'));
    expect([error.status, error.data]).toEqual([418, 'tea']);
  });

  it.each([
    ['an error', new Error('planted')],
    ['no error at all', 'planted'],
    ['an error of an SDK with a status of its own', Object.assign(new Error('planted'), { status: 401 })],
    ['what nenFetch threw of another server', new NenHttpError(401, 'planted', new Response('planted'))],
    ['what the seal to another server failed with', new NenError('ISO-4006', { outcome: 'not-run' })],
  ])('%s is a sealed 500 that says nothing', async (_name, error) => {
    const { client, events, wire } = thrown(error);
    const got = await httpError(client.nenFetch('/api/x', post(1)));
    expect([got.status, got.data]).toEqual([500, { error: { message: 'Internal server error' } }]);
    expect(events.find(({ type }) => type === 'handler-error')).toMatchObject({ error });
    expect(Object.keys((await wire[0]?.answer.json()) as object).sort()).toEqual(['ct', 'n']);
  });

  it.each([200, 399, 600, 404.5, Number.NaN])('the status %d is a RangeError at once', (status) => {
    expect(() => new NenHttpError(status)).toThrow(RangeError);
  });
});

describe('plain requests', () => {
  const plain = (init: RequestInit = {}): Request => new Request(`${ORIGIN}/api/x`, init);
  const code = async (response: Response): Promise<unknown> =>
    ((await response.json()) as { error: { code: string } }).error.code;

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'])(
    '%s is refused with ISO-3001',
    async (method) => {
      let ran = 0;
      const { route } = stage((nen) => nen.withNen(() => ++ran));
      const response = await route(plain({ method }));
      expect([response.status, await code(response), ran]).toEqual([401, 'ISO-3001', 0]);
    },
  );

  it('is refused with ISO-3001 under withNenStream', async () => {
    const { route } = stage((nen) => nen.withNenStream(async function* () {}));
    expect(await code(await route(plain(post(1))))).toBe('ISO-3001');
  });

  it('strict: false lets it in, in clear, without a session, and tells of it', async () => {
    const { route, events, client } = stage((nen) =>
      nen.withNen((_req, body, { session }) => ({ body, sealed: session !== undefined }), { strict: false }),
    );
    const headers = { 'content-type': 'application/json' };
    const response = await route(plain({ ...post({ a: 1 }), headers }));
    expect(await response.json()).toEqual({ body: { a: 1 }, sealed: false });
    expect(events).toEqual([{ type: 'plain', method: 'POST', path: '/api/x', count: 1 }]);
    expect(await client.nenFetch('/api/x', post({ a: 1 }))).toEqual({ body: { a: 1 }, sealed: true });
  });

  it('strict: false lets no request in whose signature was stripped', async () => {
    const { route } = stage((nen) => nen.withNen(() => 1, { strict: false }));
    const response = await route(plain({ headers: { 'x-nen-nonce': 'AAAAAAAAAAAAAAAA' } }));
    expect(await code(response)).toBe('ISO-3001');
  });

  it('strict: false gives the client no plain answer as data', async () => {
    const { client } = stage((nen) => {
      const route = nen.withNen(() => ({ from: 'the handler' }), { strict: false });
      // The way strips the seal and calls for itself.
      return (req) => route(new Request(req.url, { method: 'POST' }));
    });
    expect(NenError.from(await failure(client.nenFetch('/api/x', post(1))))?.code).toBe('ISO-4005');
  });

  it('strict: false lets go of a body that is over the limit, so that its sender is heard out', async () => {
    const { route } = stage((nen) => nen.withNen(() => 1, { strict: false }), { maxBodyBytes: 10 });
    let left = false;
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8)),
      cancel: () => {
        left = true;
      },
    });
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' };
    expect((await route(new Request('https://app.test/api/route', init))).status).toBe(413);
    await expect.poll(() => left).toBe(true);
  });

  it('strict: false keeps the limit of a body', async () => {
    const { route } = stage((nen) => nen.withNen(() => 1, { strict: false }), { maxBodyBytes: 10 });
    const response = await route(plain({ method: 'POST', body: 'x'.repeat(11) }));
    expect([response.status, await code(response)]).toEqual([413, 'ISO-4003']);
  });

  it("follows the server's own policy where strict is not said", async () => {
    const { route } = stage((nen) => nen.withNen(() => 'in'), { plain: 'allow' });
    expect(await (await route(plain())).json()).toBe('in');
    const strict = stage((nen) => nen.withNen(() => 'in', { strict: true }), { plain: 'allow' });
    expect(await code(await strict.route(plain()))).toBe('ISO-3001');
  });
});

describe('input', () => {
  const schema = z.object({
    amount: z.number().positive(),
    when: z.iso.date().transform((day) => new Date(day)),
  });

  it('gives the handler what the schema makes of the body', async () => {
    const { client } = stage((nen) =>
      nen.withNen((_req, body) => [body.amount, body.when.getUTCFullYear()], { input: schema }),
    );
    expect(await client.nenFetch('/api/x', post({ amount: 1, when: '2030-01-02', more: 1 }))).toEqual([
      1, 2030,
    ]);
  });

  it.each<[string, StandardSchema<unknown, { amount: number }>]>([
    ['zod', z.object({ amount: z.number() })],
    ['valibot', v.object({ amount: v.number() })],
    ['arktype', type({ amount: 'number' })],
  ])('takes a schema of %s', async (_name, input) => {
    const { client } = stage((nen) => nen.withNen((_req, body) => body.amount + 1, { input }));
    expect(await client.nenFetch('/api/x', post({ amount: 1 }))).toBe(2);
    const error = await httpError(client.nenFetch('/api/x', post({ amount: 'one' })));
    expect(error.status).toBe(400);
    expect(error.data).toMatchObject({ error: { issues: [{ path: ['amount'] }] } });
  });

  it('answers a sealed 400 with the issues, and the handler does not run', async () => {
    let ran = 0;
    const { client, wire } = stage((nen) => nen.withNen(() => ++ran, { input: schema }));
    const error = await httpError(client.nenFetch('/api/x', post({ amount: -1, when: '2030-01-02' })));
    expect([error.status, ran]).toEqual([400, 0]);
    expect(error.data).toEqual({
      error: {
        message: 'The input is invalid.',
        issues: [{ message: expect.any(String), path: ['amount'] }],
      },
    });
    expect(await wire[0]?.answer.text()).not.toContain('issues');
  });

  it('asks the schema about a missing body too', async () => {
    const { client } = stage((nen) =>
      nen.withNen((_req, body) => body, { input: z.string().default('none') }),
    );
    expect(await client.nenFetch('/api/x')).toBe('none');
  });

  it('takes any Standard Schema: one that is a function, waits, and names steps as objects', async () => {
    const symbol = Symbol('s');
    const validate = async (): Promise<{
      issues: { message: string; path: (PropertyKey | { key: PropertyKey })[] }[];
    }> => ({
      issues: [{ message: 'no', path: ['a', { key: 0 }, symbol] }],
    });
    const own: StandardSchema<string, number> = Object.assign(() => undefined, {
      '~standard': { version: 1 as const, vendor: 'own', validate },
    });
    const { client } = stage((nen) => nen.withNen((_req, body) => body.toFixed(), { input: own }));
    const error = await httpError(client.nenFetch('/api/x', post(1)));
    expect(error.data).toMatchObject({ error: { issues: [{ message: 'no', path: ['a', 0, 'Symbol(s)'] }] } });
  });

  it('a schema that throws is a sealed 500', async () => {
    const broken: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'own',
        validate: () => {
          throw new Error('planted');
        },
      },
    };
    const { client } = stage((nen) => nen.withNen(() => 1, { input: broken }));
    expect((await httpError(client.nenFetch('/api/x', post(1)))).status).toBe(500);
  });

  it.each([
    ['no handler', undefined, {}],
    ['a schema that is none', () => 1, { input: { parse: () => 1 } }],
    ['strict as text', () => 1, { strict: 'false' }],
  ])('%s is a TypeError at once', (_name, handler, options) => {
    const { withNen } = createNen();
    expect(() => withNen(handler as () => unknown, options as object)).toThrow(TypeError);
  });
});

describe('withNenStream', () => {
  const collect = async (items: AsyncIterable<unknown>): Promise<unknown[]> => {
    const all: unknown[] = [];
    for await (const item of items) all.push(item);
    return all;
  };

  it('brings every item as it was, in order', async () => {
    const items = ['two\nlines', '', 'ümläut \u2028 🙂', 0, null, false, { deep: [1, { a: 'b' }] }, []];
    const { client, wire } = stage((nen) =>
      nen.withNenStream(async function* (_req, body) {
        yield body;
        yield* items;
      }),
    );
    expect(await collect(client.nenStream('/api/x', post('first')))).toEqual(['first', ...items]);
    expect(await wire[0]?.answer.text()).not.toContain('lines');
  });

  it('may be empty', async () => {
    const { client } = stage((nen) => nen.withNenStream(async function* () {}));
    expect(await collect(client.nenStream('/api/x', post(1)))).toEqual([]);
  });

  it('takes input and errors as withNen does, before the first item', async () => {
    const { client } = stage((nen) =>
      nen.withNenStream(
        async (_req, body) => {
          if (body.prompt === 'forbidden') throw new NenHttpError(403, 'no');
          return (async function* () {
            yield body.prompt;
          })();
        },
        { input: z.object({ prompt: z.string() }) },
      ),
    );
    expect(await collect(client.nenStream('/api/x', post({ prompt: 'hello' })))).toEqual(['hello']);
    expect((await httpError(collect(client.nenStream('/api/x', post({}))))).status).toBe(400);
    expect((await httpError(collect(client.nenStream('/api/x', post({ prompt: 'forbidden' }))))).status).toBe(
      403,
    );
  });

  it('a generator that throws after its first item breaks the stream off: ISO-6004, after what was yielded', async () => {
    const { client, events } = stage((nen) =>
      nen.withNenStream(async function* () {
        yield 'one';
        await new Promise((resolve) => setTimeout(resolve, 20));
        throw new Error('planted');
      }),
    );
    const got: unknown[] = [];
    const error = await failure(
      (async () => {
        for await (const item of client.nenStream('/api/x', post(1))) got.push(item);
      })(),
    );
    expect([got, NenError.from(error)?.code]).toEqual([['one'], 'ISO-6004']);
    expect(events.map(({ type }) => type)).toContain('handler-error');
  });

  it('an item that JSON cannot say ends the generator', async () => {
    let ended = false;
    const { client } = stage((nen) =>
      nen.withNenStream(async function* () {
        try {
          yield undefined;
        } finally {
          ended = true;
        }
      }),
    );
    expect((await httpError(collect(client.nenStream('/api/x', post(1))))).status).toBe(500);
    expect(ended).toBe(true);
  });

  it('a handler that returns no iterable is a sealed 500', async () => {
    const { client } = stage((nen) => nen.withNenStream((() => ['a']) as never));
    expect((await httpError(collect(client.nenStream('/api/x', post(1))))).status).toBe(500);
  });

  it('a route that streams no items is a TypeError that says so', async () => {
    const { client } = stage((nen) => nen.withNen(() => ({ a: 1 })));
    await expect(collect(client.nenStream('/api/x', post(1)))).rejects.toThrow(
      "/api/x answered 'application/json', and no items of withNenStream",
    );
  });
});
