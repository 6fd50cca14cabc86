/** A call as plain data: every way of calling fetch, and what fetch refuses. */
import { describe, expect, it } from 'vitest';
import { type Message, type MessageInit, readMessage } from '../../src/link/client/message.ts';
import { ORIGIN } from './channel.ts';

const read = (input: string | URL | Request, init: MessageInit = {}): Promise<Message> =>
  readMessage(input, init, ORIGIN);
const text = ({ body }: Message): string => new TextDecoder().decode(body);
const field = ({ fields }: Message, name: string): string | undefined =>
  fields.find(([one]) => one === name)?.[1];

describe('the target', () => {
  it.each([
    ['a path', '/api/x?a=1'],
    ['an absolute URL', `${ORIGIN}/api/x?a=1`],
    ['a URL object', new URL('/api/x?a=1', ORIGIN)],
    ['a Request', new Request(`${ORIGIN}/api/x?a=1`)],
  ])('%s', async (_name, input) => {
    const { url, method, body } = await read(input);
    expect([url.href, method, body.length]).toEqual([`${ORIGIN}/api/x?a=1`, 'GET', 0]);
  });

  it.each(['https://user@nen.test/', 'https://user:pass@nen.test/', 'http://[', 'https://'])(
    '%s is a TypeError, as in fetch',
    async (input) => {
      await expect(read(input)).rejects.toThrow(TypeError);
    },
  );
});

describe('the method', () => {
  it.each([
    ['get', 'GET'],
    ['Delete', 'DELETE'],
    ['head', 'HEAD'],
    ['options', 'OPTIONS'],
    ['post', 'POST'],
    ['put', 'PUT'],
    ['PATCH', 'PATCH'],
    ['patch', 'patch'],
    ['purge', 'purge'],
  ])('%s is normalised to %s', async (method, normalised) => {
    expect((await read('/x', { method })).method).toBe(normalised);
  });

  it.each(['', 'GE T', 'GET\n', 'CONNECT', 'trace', 'Track', 'GÉT'])('%j is a TypeError', async (method) => {
    await expect(read('/x', { method })).rejects.toThrow(TypeError);
  });
});

describe('the body', () => {
  const bytes = Uint8Array.of(0, 1, 2, 255);
  const stream = (): ReadableStream<Uint8Array<ArrayBuffer>> =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(bytes.slice(0, 1));
        controller.enqueue(bytes.slice(1));
        controller.close();
      },
    });
  it.each([
    ['a string', 'é', 'text/plain;charset=UTF-8', 'é'],
    [
      'search parameters',
      new URLSearchParams({ a: 'b c' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
      'a=b+c',
    ],
    ['a Blob with a type', new Blob(['x'], { type: 'image/png' }), 'image/png', 'x'],
    ['a Blob without one', new Blob(['x']), undefined, 'x'],
  ])('%s', async (_name, body, type, expected) => {
    const message = await read('/x', { method: 'POST', body });
    expect([text(message), field(message, 'content-type')]).toEqual([expected, type]);
  });

  it.each([
    ['a Uint8Array', bytes],
    ['a part of an ArrayBuffer', new Uint8Array([9, ...bytes, 9]).subarray(1, 5)],
    ['a Buffer', Buffer.from(bytes)],
    ['an ArrayBuffer', bytes.slice().buffer],
    ['a DataView', new DataView(bytes.slice().buffer)],
    ['a stream', stream()],
  ])('%s, without a content type', async (_name, body) => {
    const message = await read('/x', { method: 'POST', body });
    expect([...message.body]).toEqual([...bytes]);
    expect(field(message, 'content-type')).toBeUndefined();
  });

  it('a form goes as multipart with its boundary', async () => {
    const body = new FormData();
    body.set('note', 'é');
    body.set('file', new File(['abc'], 'a.txt', { type: 'text/plain' }));
    const message = await read('/x', { method: 'POST', body });
    const type = field(message, 'content-type') ?? '';
    expect(type).toMatch(/^multipart\/form-data; boundary=/);
    const back = await new Response(message.body, { headers: { 'content-type': type } }).formData();
    expect(back.get('note')).toBe('é');
    expect(await (back.get('file') as File).text()).toBe('abc');
  });

  it('of a Request, with its headers', async () => {
    const message = await read(
      new Request(`${ORIGIN}/x`, { method: 'POST', body: 'é', headers: { 'x-a': '1' } }),
    );
    expect([text(message), field(message, 'content-type'), field(message, 'x-a')]).toEqual([
      'é',
      'text/plain;charset=UTF-8',
      '1',
    ]);
  });

  it('of a Request is replaced by that of init', async () => {
    const request = new Request(`${ORIGIN}/x`, { method: 'POST', body: 'a', headers: { 'x-a': '1' } });
    const message = await read(request, { method: 'PUT', body: 'b', headers: { 'x-b': '2' } });
    expect([message.method, text(message), field(message, 'x-a'), field(message, 'x-b')]).toEqual([
      'PUT',
      'b',
      undefined,
      '2',
    ]);
  });

  it("keeps the caller's content type", async () => {
    for (const body of ['{}', new URLSearchParams(), new Blob(['{}'], { type: 'text/plain' })]) {
      const message = await read('/x', {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json' },
      });
      expect(field(message, 'content-type')).toBe('application/json');
    }
  });

  it.each([
    ['a Uint8Array', (buffer: ArrayBuffer) => new Uint8Array(buffer)],
    ['a Buffer', (buffer: ArrayBuffer) => Buffer.from(buffer)],
    ['an ArrayBuffer', (buffer: ArrayBuffer) => buffer],
  ])('%s is taken as it is at the time of the call', async (_name, view) => {
    const buffer = Uint8Array.of(1, 2, 3).buffer;
    const reading = read('/x', { method: 'POST', body: view(buffer) });
    new Uint8Array(buffer).fill(9);
    const message = await reading;
    new Uint8Array(buffer).fill(9);
    expect([...message.body]).toEqual([1, 2, 3]);
  });

  it.each(['GET', 'HEAD'])('with %s is a TypeError, even an empty one', async (method) => {
    for (const body of ['x', '', new Uint8Array(0)]) {
      await expect(read('/x', { method, body })).rejects.toThrow(TypeError);
    }
    expect((await read('/x', { method, body: null })).body.length).toBe(0);
  });

  it('that was read already is a TypeError', async () => {
    const request = new Request(`${ORIGIN}/x`, { method: 'POST', body: 'a' });
    await request.text();
    await expect(read(request)).rejects.toThrow(TypeError);
  });
});

describe('the headers', () => {
  it.each([
    ['an object', { 'X-A': '1', 'x-b': '2' }],
    [
      'pairs',
      [
        ['X-A', '1'],
        ['x-b', '2'],
      ] as [string, string][],
    ],
    ['Headers', new Headers({ 'X-A': '1', 'x-b': '2' })],
    [
      'an iterable',
      new Map([
        ['X-A', '1'],
        ['x-b', '2'],
      ]) as unknown as HeadersInit,
    ],
    ['lists and what is missing', { 'X-A': ['1'], 'x-b': '2', 'x-c': undefined }],
  ])('%s', async (_name, headers) => {
    expect((await read('/x', { headers })).fields).toEqual([
      ['x-a', '1'],
      ['x-b', '2'],
    ]);
  });

  it('of several values are joined as Headers does', async () => {
    const message = await read('/x', { headers: { 'x-a': ['1', '2'] } });
    expect(field(message, 'x-a')).toBe('1, 2');
  });

  it('that frame the message, or are ours, stay behind', async () => {
    const headers = { 'Content-Length': '5', Connection: 'close', 'X-Nen-Session': 'forged', 'x-a': '1' };
    expect((await read('/x', { headers })).fields).toEqual([['x-a', '1']]);
  });

  it.each([{ 'x a': '1' }, { 'x-a': 'a\nb' }, { 'x-a': 'Ω' }])('%o are a TypeError', async (headers) => {
    await expect(read('/x', { headers })).rejects.toThrow(TypeError);
  });
});

describe('the rest', () => {
  it('signal, credentials and keepalive are passed on', async () => {
    const { signal } = new AbortController();
    expect(await read('/x', { signal, credentials: 'include', keepalive: true })).toMatchObject({
      signal,
      credentials: 'include',
      keepalive: true,
    });
    const ofRequest = await read(new Request(`${ORIGIN}/x`, { credentials: 'omit', keepalive: true }));
    expect(ofRequest).toMatchObject({ credentials: 'omit', keepalive: true });
  });

  it('a signal that aborted before leaves the body alone', async () => {
    let pulled = 0;
    const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(read('/x', { method: 'POST', body, signal })).rejects.toThrow('enough');
    expect(pulled).toBe(0);
  });

  it('a signal that aborts while a body is read ends the wait', async () => {
    const controller = new AbortController();
    const body = new ReadableStream({ pull: () => controller.abort(new Error('enough')) });
    await expect(read('/x', { method: 'POST', body, signal: controller.signal })).rejects.toThrow('enough');
  });

  it('the same with a Request', async () => {
    const controller = new AbortController();
    const body = new ReadableStream({ pull: () => controller.abort(new Error('enough')) });
    const init = { method: 'POST', body, signal: controller.signal, duplex: 'half' } as RequestInit;
    await expect(read(new Request(`${ORIGIN}/x`, init))).rejects.toThrow('enough');
  });
});
