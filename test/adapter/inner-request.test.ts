/** The request that a handler sees is a Request in all it has, although the real one is only made when it is needed. */
import { describe, expect, test } from 'vitest';
import { createInnerRequest } from '../../src/adapter/inner-request.ts';

const URL_TEXT = 'https://app.example/api/x?a=1';

function make(
  body = '{"a":1}',
  headers: Record<string, string> = { 'content-type': 'application/json' },
  method = 'POST',
) {
  const abort = new AbortController();
  const parts = {
    method,
    url: URL_TEXT,
    headers: () => new Headers(headers),
    body: new TextEncoder().encode(body),
    signal: () => abort.signal,
  };
  return { req: createInnerRequest(parts), abort };
}

/** The same, by the runtime. */
function real(body = '{"a":1}', method = 'POST'): Request {
  return new Request(URL_TEXT, {
    method,
    body: method === 'GET' ? null : body,
    headers: { 'content-type': 'application/json' },
  });
}

describe('an inner request', () => {
  test('is a Request', () => {
    const { req } = make();
    expect(req).toBeInstanceOf(Request);
    expect(Object.prototype.toString.call(req)).toBe('[object Request]');
  });

  test('has every property of a Request, of the same value', () => {
    const { req } = make();
    const like = real();
    const names = Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))
      .filter(([, { get }]) => get !== undefined)
      .map(([name]) => name);
    expect(names).toContain('credentials');
    for (const name of names.filter((one) => !['headers', 'signal', 'body'].includes(one))) {
      expect(Reflect.get(req, name), name).toEqual(Reflect.get(like, name));
    }
    expect([...req.headers]).toEqual([...like.headers]);
    expect(req.body).toBeInstanceOf(ReadableStream);
    expect(make('', {}, 'GET').req.body).toBeNull();
  });

  test('has every method of a Request', async () => {
    const names = Object.entries(Object.getOwnPropertyDescriptors(Request.prototype))
      .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
      .map(([name]) => name);
    for (const name of names) {
      const type = name === 'formData' ? 'application/x-www-form-urlencoded' : 'application/json';
      const { req } = make(name === 'formData' ? 'a=1' : '{"a":1}', { 'content-type': type });
      await expect(
        Promise.resolve(Reflect.apply(Reflect.get(req, name), req, [])),
        name,
      ).resolves.toBeDefined();
    }
  });

  test('reads as text, JSON, bytes, blob and form', async () => {
    expect(await make().req.text()).toBe('{"a":1}');
    expect(await make().req.json()).toEqual({ a: 1 });
    expect([...new Uint8Array(await make('é').req.arrayBuffer())]).toEqual([0xc3, 0xa9]);
    const blob = await make().req.blob();
    expect([blob.type, await blob.text()]).toEqual(['application/json', '{"a":1}']);
    const form = await make('a=1&b=2', {
      'content-type': 'application/x-www-form-urlencoded',
    }).req.formData();
    expect([...form]).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(await make('\ufeffx').req.text()).toBe(await real('\ufeffx').text());
  });

  test('arrayBuffer() is of its own: changing it changes nothing else', async () => {
    const { req } = make();
    const copy = req.clone();
    new Uint8Array(await req.arrayBuffer()).fill(0);
    expect(await copy.text()).toBe('{"a":1}');
  });

  const READERS = ['text', 'json', 'arrayBuffer', 'blob'] as const;
  for (const first of READERS) {
    for (const second of [...READERS, 'formData'] as const) {
      test(`${second}() after ${first}() is a TypeError`, async () => {
        const { req } = make();
        expect(req.bodyUsed).toBe(false);
        await req[first]();
        expect(req.bodyUsed).toBe(true);
        await expect(req[second]()).rejects.toThrow(TypeError);
      });
    }
    test(`clone() after ${first}() is a TypeError; before it, both can be read`, async () => {
      const used = make().req;
      await used[first]();
      expect(() => used.clone()).toThrow(TypeError);
      const { req } = make();
      const copy = req.clone();
      expect(await copy.text()).toBe('{"a":1}');
      await expect(req[first]()).resolves.toBeDefined();
    });
  }

  test('a body that was read as a stream can not be read again', async () => {
    const { req } = make();
    await req.body?.getReader().read();
    expect(req.bodyUsed).toBe(true);
    await expect(req.text()).rejects.toThrow(TypeError);
  });

  test('a body that somebody reads is locked', async () => {
    const { req } = make();
    req.body?.getReader();
    await expect(req.text()).rejects.toThrow(TypeError);
  });

  test('its signal is the outer one, in the copy too', () => {
    const { req, abort } = make();
    const copy = req.clone();
    expect([req.signal.aborted, copy.signal.aborted]).toEqual([false, false]);
    abort.abort();
    expect([req.signal.aborted, copy.signal.aborted]).toEqual([true, true]);
  });

  test('headers can be read in any case, and are those of the copy', () => {
    const { req } = make();
    expect(req.headers.get('Content-Type')).toBe('application/json');
    expect(req.clone().headers.get('content-type')).toBe('application/json');
  });
});
