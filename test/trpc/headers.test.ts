/** Headers of requests in every form that tRPC takes, and headers, cookies and status of answers. */
import type { Operation, TRPCLink } from '@trpc/client';
import { observable } from '@trpc/server/observable';
import { describe, expect, it } from 'vitest';
import { type ClientOptions, startApp, WAYS, type Way } from './support/app.ts';
import type { AppRouter } from './support/router.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

const NAMES = ['x-one', 'authorization'];

const FORMS: [string, NonNullable<ClientOptions['headers']>][] = [
  ['an object', { 'x-one': '1', Authorization: 'Bearer t' }],
  ['a function', () => ({ 'x-one': '1', Authorization: 'Bearer t' })],
  ['an async function', async () => ({ 'x-one': '1', Authorization: 'Bearer t' })],
  ['Headers', new Headers({ 'x-one': '1', Authorization: 'Bearer t' })],
  ['a function that gives Headers', () => new Headers({ 'x-one': '1', Authorization: 'Bearer t' })],
  [
    'a Map',
    new Map([
      ['x-one', '1'],
      ['Authorization', 'Bearer t'],
    ]),
  ],
];

interface Meta {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | null>>;
}

/** Keeps what links in front of nenLink see of each answer: `result.context.response`. */
function keepingMeta(kept: Meta[]): TRPCLink<AppRouter> {
  return () =>
    ({ op, next }) =>
      observable((observer) =>
        next(op).subscribe({
          next: (envelope) => {
            kept.push(readMeta(envelope.context?.response));
            observer.next(envelope);
          },
          error: (error) => observer.error(error),
          complete: () => observer.complete(),
        }),
      );
}

function readMeta(response: unknown): Meta {
  const { status, url, headers } = response as Response;
  const names = ['content-type', 'vary', 'x-request-cost', 'x-meta', 'cache-control', 'set-cookie'];
  const read = Object.fromEntries(names.map((name) => [name, headers.get(name)]));
  return { status, url: new URL(url).pathname, headers: read };
}

/** What of an answer's headers differs by design: cookies are the browser's affair, outside of the seal. */
function expectedHeaders({ sealed }: Way, headers: Readonly<Record<string, string | null>>) {
  return { ...headers, ...(sealed && { 'set-cookie': null }) };
}

describe.each(WAYS)('$name', (way) => {
  it.each(FORMS)('takes headers as %s, for queries, mutations and uploads', async (_, headers) => {
    const app = await startApp(way);
    const client = app.client({ headers });
    const expected = ['1', 'Bearer t'];
    expect((await client.seen.query(NAMES)).headers).toEqual(expected);
    expect((await client.posted.mutate(NAMES)).headers).toEqual(expected);
    const form = new FormData();
    form.append('a', 'b');
    expect(await client.upload.mutate(form)).toEqual([['a', 'b']]);
  });

  it('asks for headers once for a batch, with its calls', async () => {
    const app = await startApp(way);
    const asked: string[][] = [];
    const client = app.client({
      headers: ({ opList, op }) => {
        asked.push(opList.map(({ path }: Operation) => path));
        return { 'x-one': `${op.path} of ${opList.length}` };
      },
    });
    const [seen] = await Promise.all([
      client.seen.query(['x-one']),
      client.echo.query(1),
      client.nested.deep.query(),
    ]);
    expect(seen.headers).toEqual(['seen of 3']);
    expect(asked).toEqual([['seen', 'echo', 'nested.deep']]);
  });

  it('asks for headers with the one call where it is not a batch', async () => {
    const app = await startApp(way);
    const asked: string[] = [];
    const client = app.client({
      headers: ({ op, opList }) => {
        asked.push(`${op.type} ${op.path} ${opList.length} ${String(op.context.from)}`);
        return {};
      },
    });
    await client.bytes.mutate(new Uint8Array(3), { context: { from: 'test' } });
    expect(asked).toEqual(['mutation bytes 1 test']);
  });

  it('fails the call if headers throws, and sends nothing', async () => {
    const app = await startApp(way);
    const client = app.client({ headers: () => Promise.reject(new Error('no token')) });
    await expect(client.echo.query(1)).rejects.toThrow('no token');
    expect(app.tap.sent()).toHaveLength(0);
  });

  it('sends each of several values of a header', async () => {
    const app = await startApp(way);
    const client = app.client({ headers: { 'x-one': ['a', 'b'], authorization: 'c' } });
    const [several, one] = (await client.seen.query(NAMES)).headers;
    expect([several?.split(/, ?/), one]).toEqual([['a', 'b'], 'c']);
  });

  it('leaves out a header without a value; the runtime would write the word undefined', async () => {
    const app = await startApp(way);
    const client = app.client({ headers: { 'x-one': undefined } });
    expect((await client.seen.query(['x-one'])).headers).toEqual([way.sealed ? null : 'undefined']);
  });

  it('carries values of latin1 letters, and long ones', async () => {
    const app = await startApp(way);
    const long = 'v'.repeat(8_000);
    const client = app.client({ headers: { 'x-one': 'æøå', authorization: long } });
    expect((await client.seen.query(NAMES)).headers).toEqual(['æøå', long]);
  });

  it('shows the server the method, path, query and headers of the call, and a signal', async () => {
    const app = await startApp(way);
    const client = app.client({ headers: { cookie: 'a=b' } });
    const { signal, ...seen } = await client.seen.query(['cookie', 'host']);
    const { origin, host } = new URL(app.url);
    expect(seen).toEqual({
      method: 'GET',
      origin,
      pathname: '/api/trpc/seen',
      query: ['batch', 'input'],
      headers: ['a=b', host],
      isRequest: true,
    });
    expect(signal).toBe(true);
    const posted = await client.posted.mutate(['content-type']);
    expect(posted).toEqual({ method: 'POST', headers: ['application/json'] });
  });

  it('shows the caller status, URL and headers of the answer', async () => {
    const app = await startApp(way, {
      trpc: {
        responseMeta: ({ paths }) => ({ status: 203, headers: new Headers({ 'x-meta': String(paths) }) }),
      },
    });
    const kept: Meta[] = [];
    const client = app.client({ before: [keepingMeta(kept)] });
    await client.echo.query('x');
    expect(kept).toEqual([
      {
        status: 203,
        url: '/api/trpc/echo',
        headers: {
          'content-type': 'application/json',
          vary: 'trpc-accept, accept',
          'x-meta': 'echo',
          'x-request-cost': null,
          'cache-control': null,
          'set-cookie': null,
        },
      },
    ]);
  });

  it('shows the caller what procedures and responseMeta set; cookies travel outside', async () => {
    // A stream's head is gone before a procedure sets anything.
    if (way.stream) return;
    const app = await startApp(way, {
      trpc: {
        responseMeta: () => ({
          headers: new Headers([
            ['set-cookie', 'seen=1'],
            ['x-meta', 'm'],
          ]),
        }),
      },
    });
    const kept: Meta[] = [];
    expect(await app.client({ before: [keepingMeta(kept)] }).cookie.mutate()).toBe('set');
    expect(kept[0]?.headers).toEqual(
      expectedHeaders(way, {
        'content-type': 'application/json',
        vary: 'trpc-accept, accept',
        'x-meta': 'm',
        'x-request-cost': '7',
        'cache-control': null,
        'set-cookie': 'theme=dark; Path=/, lang=en; Path=/, seen=1',
      }),
    );
    const wire = app.tap.bytes().toString('latin1');
    for (const cookie of ['theme=dark; Path=/', 'lang=en; Path=/', 'seen=1']) {
      expect(wire).toMatch(new RegExp(`\\r\\nset-cookie: ${cookie}\\r\\n`, 'i'));
    }
    expect(wire.includes('x-request-cost')).toBe(!way.sealed);
  });

  it('sets cookies of a subscription and of an upload as well', async () => {
    const app = await startApp(way, {
      trpc: { responseMeta: ({ type }) => ({ headers: new Headers([['set-cookie', `last=${type}`]]) }) },
    });
    const client = app.client();
    await client.bytes.mutate(new Uint8Array(1));
    await new Promise<void>((resolve) => {
      client.burst.subscribe(1, { onComplete: resolve });
    });
    const wire = app.tap.bytes().toString('latin1');
    expect(wire).toMatch(/set-cookie: last=mutation/i);
    expect(wire).toMatch(/set-cookie: last=subscription/i);
  });
});
