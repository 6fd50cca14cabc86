/** Queries, mutations, batches and uploads: the same through the seal as without it. */
import { describe, expect, it } from 'vitest';
import { startApp, WAYS } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

describe.each(WAYS)('$name', (way) => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a word with letters from everywhere', 'æ 漢字 🔒 \u2028 " \\'],
    ['a Date', new Date('2026-11-21T08:00:00Z')],
    ['a Map of Sets', new Map([['a', new Set([1, 2])]])],
    ['a bigint', 2n ** 70n],
    ['what JSON has no word for', [Number.NaN, -0, Number.POSITIVE_INFINITY, undefined]],
    ['a nested object', { a: [{ b: { c: new Date(0) } }], d: /x/gi }],
    ['a long text', 'long '.repeat(1_500)],
  ])('carries %s there and back', async (_, value) => {
    const app = await startApp(way);
    expect(await app.client().echo.query(value)).toEqual({ back: value });
  });

  it('runs queries as GET and mutations as POST', async () => {
    const app = await startApp(way);
    const client = app.client({ maxItems: 1 });
    expect(await client.nested.deep.query()).toBe('deep');
    expect(await client.add.mutate([2, 3])).toBe(5);
    expect(app.requests).toEqual(['GET /api/trpc/nested.deep', 'POST /api/trpc/add']);
  });

  it('sends queries as POST with methodOverride', async () => {
    const app = await startApp(way, { trpc: { allowMethodOverride: true } });
    expect(await app.client({ methodOverride: 'POST' }).echo.query('hidden')).toEqual({ back: 'hidden' });
    expect(app.requests).toEqual(['POST /api/trpc/echo']);
  });

  it('refuses methodOverride where the server does not allow it', async () => {
    const app = await startApp(way);
    await expect(app.client({ methodOverride: 'POST' }).echo.query('hidden')).rejects.toMatchObject({
      data: { code: 'METHOD_NOT_SUPPORTED', httpStatus: 405 },
    });
  });

  it('puts calls of one turn into one batch, queries and mutations apart', async () => {
    const app = await startApp(way);
    const client = app.client();
    const results = await Promise.all([
      client.echo.query('one'),
      client.add.mutate([1, 1]),
      client.nested.deep.query(),
      client.add.mutate([2, 2]),
    ]);
    expect(results).toEqual([{ back: 'one' }, 2, 'deep', 4]);
    expect(app.requests.sort()).toEqual(['GET /api/trpc/echo,nested.deep', 'POST /api/trpc/add,add']);
  });

  it('settles each call of a batch on its own', async () => {
    const app = await startApp(way);
    const client = app.client();
    const results = await Promise.allSettled([
      client.echo.query('fine'),
      client.fail.query('NOT_FOUND'),
      client.nested.deep.query(),
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { back: 'fine' } },
      { status: 'rejected', reason: { data: { code: 'NOT_FOUND', httpStatus: 404, path: 'fail' } } },
      { status: 'fulfilled', value: 'deep' },
    ]);
    expect(app.requests).toEqual(['GET /api/trpc/echo,fail,nested.deep']);
  });

  it('splits a batch at maxItems', async () => {
    const app = await startApp(way);
    const client = app.client({ maxItems: 2 });
    const inputs = ['a', 'b', 'c', 'd', 'e'];
    const results = await Promise.all(inputs.map((input) => client.echo.query(input)));
    expect(results).toEqual(inputs.map((back) => ({ back })));
    expect(app.requests.sort()).toEqual([
      'GET /api/trpc/echo',
      'GET /api/trpc/echo,echo',
      'GET /api/trpc/echo,echo',
    ]);
  });

  it('splits a batch at maxURLLength and refuses what is too long alone', async () => {
    const app = await startApp(way);
    const client = app.client({ maxURLLength: 400 });
    const results = await Promise.allSettled([
      client.echo.query('x'.repeat(150)),
      client.echo.query('y'.repeat(150)),
      client.echo.query('z'.repeat(1000)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { message: 'Input is too big for a single dispatch' } });
    expect(app.requests).toEqual(['GET /api/trpc/echo', 'GET /api/trpc/echo']);
  });

  it('answers a whole batch with one error where the server allows none', async () => {
    const app = await startApp(way, { trpc: { maxBatchSize: 1 } });
    const client = app.client();
    const results = await Promise.allSettled([client.echo.query(1), client.echo.query(2)]);
    for (const result of results) {
      expect(result).toMatchObject({
        reason: { message: 'Batch call exceeds maximum size', data: { code: 'BAD_REQUEST' } },
      });
    }
  });

  it('uploads a form with text, letters from everywhere, and files', async () => {
    const app = await startApp(way);
    const form = new FormData();
    form.append('title', 'Ünïcode\r\n"quoted"');
    form.append('tag', 'a');
    form.append('tag', 'b');
    form.append('file', new File([new Uint8Array([0, 13, 10, 255])], 'scan ü.bin', { type: 'image/png' }));
    form.append('blob', new Blob(['text'], { type: 'text/plain' }), 'note.txt');
    expect(await app.client().upload.mutate(form)).toEqual([
      ['title', 'Ünïcode\r\n"quoted"'],
      ['tag', 'a'],
      ['tag', 'b'],
      ['file', 'scan ü.bin', 'image/png', Buffer.from([0, 13, 10, 255]).toString('base64')],
      ['blob', 'note.txt', 'text/plain', Buffer.from('text').toString('base64')],
    ]);
    expect(app.requests).toEqual(['POST /api/trpc/upload']);
  });

  const content = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256);
  it.each<[string, Uint8Array<ArrayBuffer> | Blob]>([
    ['a Uint8Array', content],
    ['a view into a longer buffer', content.subarray(5, 99)],
    ['a Blob', new Blob([content])],
    ['a File', new File([content], 'name.bin', { type: 'application/pdf' })],
    ['nothing but an empty Blob', new Blob([])],
  ])('uploads %s as bytes', async (_, input) => {
    const app = await startApp(way);
    const expected = input instanceof Blob ? Buffer.from(await input.arrayBuffer()) : Buffer.from(input);
    expect(await app.client().bytes.mutate(input)).toBe(expected.toString('base64'));
  });

  it('takes an input in a GET that is longer than a URL may be, if it is sealed', async () => {
    const app = await startApp(way);
    const call = app.client().echo.query('x'.repeat(100_000));
    if (way.sealed) await expect(call).resolves.toEqual({ back: 'x'.repeat(100_000) });
    else await expect(call).rejects.toThrow('Unexpected end of JSON input');
  });

  it('runs 50 calls at once, each with its own answer', async () => {
    const app = await startApp(way);
    const client = app.client({ maxItems: 1 });
    const sums = await Promise.all(Array.from({ length: 50 }, (_, i) => client.add.mutate([i, 1000])));
    expect(sums).toEqual(Array.from({ length: 50 }, (_, i) => i + 1000));
  });
});
