/** client.fetch straight to a wrapped handler: methods, statuses and bodies, in both encodings. */
import { describe, expect, test } from 'vitest';
import { rig } from './rig.ts';

const BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

for (const encoding of ['json', 'octets'] as const) {
  /** A server that tells what it was asked. */
  function echo(answer?: (req: Request) => Response | Promise<Response>) {
    return rig(
      async (req) => {
        if (answer !== undefined) return answer(req);
        const body = [...new Uint8Array(await req.arrayBuffer())];
        return Response.json({
          method: req.method,
          url: req.url,
          type: req.headers.get('content-type'),
          body,
        });
      },
      { client: { encoding } },
    );
  }

  describe(`methods in ${encoding}`, () => {
    test('GET and HEAD', async () => {
      const { client, outer } = echo();
      const get = await client.fetch('/api/x?a=1&b=%20');
      expect(await get.json()).toEqual({
        method: 'GET',
        url: 'https://app.example/api/x?a=1&b=%20',
        type: null,
        body: [],
      });
      const head = await client.fetch('/api/x', { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(await head.text()).toBe('');
      expect(outer.map(({ init }) => init.method)).toEqual(['GET', 'HEAD']);
      for (const { init } of outer) expect(init.body).toBeNull();
    });

    test('DELETE with and without a body', async () => {
      const { client } = echo();
      const bare = await client.fetch('/api/x', { method: 'DELETE' });
      expect(await bare.json()).toMatchObject({ method: 'DELETE', body: [], type: null });
      const full = await client.fetch('/api/x', {
        method: 'DELETE',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      expect(await full.json()).toMatchObject({
        method: 'DELETE',
        body: [123, 125],
        type: 'application/json',
      });
    });

    for (const method of ['POST', 'PUT', 'PATCH']) {
      test(`${method} with JSON, text, bytes, a form, nothing, and headers of its own`, async () => {
        const { client } = echo();
        const call = async (init: RequestInit): Promise<unknown> =>
          (await client.fetch('/api/x', { method, ...init })).json();
        const json = { 'content-type': 'application/json' };
        expect(await call({ body: '[1]', headers: json })).toMatchObject({
          method,
          body: [91, 49, 93],
          type: 'application/json',
        });
        expect(await call({ body: 'é' })).toMatchObject({
          body: [0xc3, 0xa9],
          type: 'text/plain;charset=UTF-8',
        });
        expect(await call({ body: BYTES })).toMatchObject({ body: [...BYTES], type: null });
        expect(await call({ body: new URLSearchParams({ a: '1' }) })).toMatchObject({
          type: 'application/x-www-form-urlencoded;charset=UTF-8',
        });
        expect(await call({ body: new Blob([BYTES], { type: 'image/png' }) })).toMatchObject({
          body: [...BYTES],
          type: 'image/png',
        });
        expect(await call({})).toMatchObject({ method, body: [] });
        expect(await call({ body: '' })).toMatchObject({ method, body: [] });
        expect(await call({ headers: { 'x-own': '1' } })).toMatchObject({ method, body: [] });
        expect(await call({ body: '{}', headers: { ...json, 'x-own': '1' } })).toMatchObject({
          body: [123, 125],
          type: 'application/json',
        });
      });
    }

    test('a file in a form arrives as it was sent', async () => {
      const { client } = echo(async (req) => {
        const form = await req.formData();
        const file = form.get('file');
        if (!(file instanceof File)) return new Response('no file');
        return Response.json({
          name: file.name,
          note: form.get('note'),
          bytes: [...new Uint8Array(await file.arrayBuffer())],
        });
      });
      const form = new FormData();
      form.set('note', 'ü');
      form.set('file', new File([BYTES], 'a.bin'));
      const response = await client.fetch('/api/x', { method: 'POST', body: form });
      expect(await response.json()).toEqual({ name: 'a.bin', note: 'ü', bytes: [...BYTES] });
    });

    test('OPTIONS is no sealed call', async () => {
      const { client } = echo();
      await expect(
        client.fetch('/api/x', { method: 'OPTIONS', headers: { 'x-own': '1' } }),
      ).rejects.toMatchObject({ code: 'ISO-4005' });
    });
  });

  describe(`answers in ${encoding}`, () => {
    const calls: readonly (readonly [string, RequestInit])[] = [
      ['a GET', {}],
      ['a JSON POST', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }],
      ['a whole message', { method: 'POST', body: 'x', headers: { 'x-own': '1' } }],
    ];

    for (const [name, init] of calls) {
      test(`204, 205 and 304 to ${name}`, async () => {
        for (const status of [204, 205, 304]) {
          const { client } = echo(() => new Response(null, { status }));
          const response = await client.fetch('/api/x', init);
          expect(response.status).toBe(status);
          expect(response.body).toBeNull();
        }
      });

      test(`errors and their bodies to ${name}`, async () => {
        for (const status of [400, 401, 404, 418, 500, 503]) {
          const { client } = echo(() => Response.json({ error: 'mine' }, { status }));
          const response = await client.fetch('/api/x', init);
          expect(response.status).toBe(status);
          expect(await response.json()).toEqual({ error: 'mine' });
        }
      });

      test(`an application's own JSON that looks like ours to ${name}`, async () => {
        const bodies = [
          { error: { code: 'ISO-2002', message: 'Session expired or unknown.' } },
          { n: 'x', ct: 'y' },
          { t: 'error', n: 'x', ct: 'y' },
        ];
        for (const body of bodies) {
          const { client } = echo(() => Response.json(body, { status: 401 }));
          expect(await (await client.fetch('/api/x', init)).json()).toEqual(body);
        }
      });

      test(`a redirect to ${name}: the caller sees it and nobody follows it`, async () => {
        let ran = 0;
        const { client, outer } = echo(() => {
          ran++;
          return Response.redirect('https://elsewhere.example/', 302);
        });
        const response = await client.fetch('/api/x', init);
        expect(response.status).toBe(302);
        expect(response.headers.get('location')).toBe('https://elsewhere.example/');
        expect(outer[0]?.response.status).toBe(200);
        expect(outer[0]?.response.headers.has('location')).toBe(false);
        expect(ran).toBe(1);
      });

      test(`no body, an empty one, text, bytes and a megabyte to ${name}`, async () => {
        const large = new Uint8Array(1_048_576).fill(7);
        const bodies: readonly (readonly [BodyInit | null, Uint8Array])[] = [
          [null, new Uint8Array(0)],
          ['', new Uint8Array(0)],
          ['é', new Uint8Array([0xc3, 0xa9])],
          [BYTES, BYTES],
          [large, large],
          [new Uint8Array(1_048_577), new Uint8Array(1_048_577)],
        ];
        for (const [body, expected] of bodies) {
          const { client } = echo(() => new Response(body));
          const response = await client.fetch('/api/x', init);
          expect(response.status).toBe(200);
          expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(expected))).toBe(true);
        }
      });
    }

    test('HEAD: the status, and no body, even if the handler gave one or is slow with it', async () => {
      for (const body of ['x', slow()]) {
        const { client } = echo(() => new Response(body, { status: 203 }));
        const response = await client.fetch('/api/x', { method: 'HEAD' });
        expect(response.status).toBe(203);
        expect(response.body).toBeNull();
      }
    });

    function slow(): ReadableStream<Uint8Array> {
      return new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
          controller.enqueue(new Uint8Array(1));
        },
      });
    }
  });
}

describe('client.fetch', () => {
  test('takes a string, a URL and a Request', async () => {
    const { client } = rig((req) => Response.json([req.method, req.url]));
    const url = 'https://app.example/api/x';
    for (const input of ['/api/x', url, new URL(url), new Request(url)]) {
      expect(await (await client.fetch(input)).json()).toEqual(['GET', url]);
    }
    expect(await (await client.fetch(new Request(url, { method: 'PUT', body: 'x' }))).json()).toEqual([
      'PUT',
      url,
    ]);
    expect((await client.fetch('/api/x')).url).toBe(url);
  });

  test('a GET with headers that it has no place to seal is a TypeError, and no call', async () => {
    const { client, outer } = rig(() => new Response());
    await expect(client.fetch('/x', { headers: { authorization: 'Bearer x' } })).rejects.toThrow(TypeError);
    await expect(client.fetch('/x', { headers: { 'x-own': '1' }, method: 'HEAD' })).rejects.toThrow(
      TypeError,
    );
    expect(outer).toEqual([]);
  });
});
