/** From the outer response to the handler's: only what is sealed is data, and only so much of it is read. */
import { describe, expect, it, vi } from 'vitest';
import { type Answer, openAnswer, PlainRefusal } from '../../src/link/client/open-answer.ts';
import { openStream } from '../../src/link/client/open-stream.ts';
import type { Encoding } from '../../src/protocol/envelope.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { type Exchange, sealResponse } from '../../src/protocol/exchange.ts';
import { encodeResponse } from '../../src/protocol/http.ts';
import { encodeRefusal } from '../../src/protocol/refusal.ts';
import { StreamSealer } from '../../src/protocol/stream.ts';
import { refusal } from './channel.ts';
import { ENCODINGS, newExchange } from './exchange.ts';

const LIMIT = 100_000;
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const TYPE = { json: 'application/json', octets: 'application/octet-stream' } as const;

async function open(exchange: Exchange, response: Response, limit = LIMIT): Promise<Answer> {
  const onOpened = vi.fn();
  try {
    const options = { exchange, response, signal: null, isHeeded: true, maxEnvelopeBytes: limit };
    return await openAnswer({ ...options, openStream, onOpened });
  } catch (error) {
    expect(onOpened).toHaveBeenCalledOnce();
    throw error;
  }
}

async function sealed(exchange: Exchange, content: string, status = 200): Promise<Response> {
  const payload = encodeResponse({ status, fields: [['x-a', '1']], body: bytes(content) });
  const { body, headers } = await sealResponse(exchange, 200, 'http', payload);
  return new Response(body ?? null, { headers });
}

describe.each(ENCODINGS)('in %s', (encoding: Encoding) => {
  it('a sealed message opens', async () => {
    const exchange = newExchange(encoding);
    const answer = await open(exchange, await sealed(exchange, 'abc', 404));
    expect(answer).toEqual({ status: 404, fields: [['x-a', '1']], body: bytes('abc') });
  });

  it('a sealed message opens in any chunking', async () => {
    const exchange = newExchange(encoding);
    const whole = await (await sealed(exchange, 'abc')).bytes();
    for (const size of [1, 7, whole.length]) {
      const pieces = [new Uint8Array(0), new Uint8Array(0)];
      for (let at = 0; at < whole.length; at += size) pieces.push(whole.slice(at, at + size));
      const body = new ReadableStream({
        pull(controller) {
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
      });
      const answer = await open(
        exchange,
        new Response(body, { headers: { 'content-type': TYPE[encoding] } }),
      );
      expect(answer.body).toEqual(bytes('abc'));
    }
  });

  it('a sealed stream opens in any chunking', async () => {
    const exchange = newExchange(encoding);
    const sealer = new StreamSealer(exchange, 200);
    const frames = [
      await sealer.head(201, []),
      await sealer.data(bytes('a')),
      await sealer.data(bytes('b')),
      await sealer.final(),
    ];
    const whole = Buffer.concat(frames);
    for (const size of [1, 13, whole.length]) {
      const pieces = [new Uint8Array(0)];
      for (let at = 0; at < whole.length; at += size)
        pieces.push(Uint8Array.from(whole.subarray(at, at + size)));
      const body = new ReadableStream({
        pull(controller) {
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(piece);
        },
      });
      const type = encoding === 'octets' ? TYPE.octets : 'text/event-stream';
      const answer = await open(exchange, new Response(body, { headers: { 'content-type': type } }));
      expect(answer.status).toBe(201);
      expect(await new Response(answer.body as ReadableStream).text()).toBe('ab');
    }
  });

  it.each([
    ['a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['JSON', () => Response.json({ ok: true })],
    ['an empty body', () => new Response(null)],
    ['an empty JSON body', () => new Response('', { headers: { 'content-type': 'application/json' } })],
    ['octets', () => new Response(bytes('abc'), { headers: { 'content-type': 'application/octet-stream' } })],
    ['no octets', () => new Response(bytes(''), { headers: { 'content-type': 'application/octet-stream' } })],
    ['no content', () => new Response(null, { status: 204 })],
    ['a refusal with status 200', () => refusal('ISO-2002', 200)],
    ['an empty envelope', () => Response.json({ t: 'http', n: 'A'.repeat(16), ct: '' })],
    [
      'an envelope that is long',
      () =>
        new Response(`{"ct":"${'A'.repeat(50_000)}"}`, { headers: { 'content-type': 'application/json' } }),
    ],
  ] as const)('%s where a sealed answer is due is ISO-4005', async (_name, response) => {
    const { status } = response();
    await expect(open(newExchange(encoding), response())).rejects.toMatchObject({
      code: 'ISO-4005',
      outcome: 'unknown',
      status,
    });
  });

  it.each([301, 404, 429, 500, 502, 504])(
    'a page with status %i is ISO-4005 with that status',
    async (status) => {
      const failure = open(newExchange(encoding), new Response('<html>', { status }));
      await expect(failure).rejects.toMatchObject({ code: 'ISO-4005', status, outcome: 'unknown' });
    },
  );

  it('a refusal in clear is a hint and no more', async () => {
    const failure = await open(newExchange(encoding), refusal('ISO-4006', 400)).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(PlainRefusal);
    expect(failure).toMatchObject({ code: 'ISO-4006', status: 400, outcome: 'unknown' });
  });

  it.each([
    ['an unknown code', Response.json({ error: { code: 'ISO-9999' } }, { status: 400 })],
    ['a code of Object.prototype', Response.json({ error: { code: 'constructor' } }, { status: 400 })],
    ['a code that is no text', Response.json({ error: { code: 2002 } }, { status: 400 })],
    [
      'over 16 KiB',
      Response.json({ error: { code: 'ISO-2002', message: 'x'.repeat(16_384) } }, { status: 401 }),
    ],
  ])('a refusal with %s is ISO-4005', async (_name, response) => {
    const failure = await open(newExchange(encoding), response).catch((error: unknown) => error);
    expect(failure).not.toBeInstanceOf(PlainRefusal);
    expect(failure).toMatchObject({ code: 'ISO-4005' });
  });

  it("a sealed refusal is the server's word", async () => {
    for (const [code, outcome] of [
      ['ISO-4006', 'not-run'],
      ['ISO-5002', 'unknown'],
      ['ISO-2002', 'unknown'],
    ] as const) {
      const exchange = newExchange(encoding);
      const { body, headers } = await sealResponse(exchange, 200, 'error', [encodeRefusal(code)]);
      const failure = await open(exchange, new Response(body ?? null, { headers })).catch(
        (error: unknown) => error,
      );
      expect(failure).not.toBeInstanceOf(PlainRefusal);
      expect(failure).toMatchObject({ code, outcome });
    }
  });

  it('a sealed message that is none, or a refusal without a code, is ISO-4004', async () => {
    for (const kind of ['http', 'error'] as const) {
      const exchange = newExchange(encoding);
      const { body, headers } = await sealResponse(exchange, 200, kind, [bytes('{}')]);
      await expect(open(exchange, new Response(body ?? null, { headers }))).rejects.toMatchObject({
        code: 'ISO-4004',
      });
    }
  });

  it('the answer to another request is ISO-4004', async () => {
    const exchange = newExchange(encoding);
    const other = newExchange(encoding, 'http', exchange.session);
    await expect(open(exchange, await sealed(other, 'abc'))).rejects.toMatchObject({ code: 'ISO-4004' });
  });

  it('another outer status is ISO-4004', async () => {
    const exchange = newExchange(encoding);
    const { body, headers } = await sealed(exchange, 'abc');
    await expect(open(exchange, new Response(body, { status: 500, headers }))).rejects.toMatchObject({
      code: 'ISO-4004',
      status: 500,
    });
  });

  it('an envelope is read up to the limit and not beyond', async () => {
    let pulled = 0;
    const cancelled = vi.fn();
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(1_000));
      },
      cancel: cancelled,
    });
    const response = new Response(endless, { headers: { 'content-type': TYPE[encoding] } });
    await expect(open(newExchange(encoding), response, 10_000)).rejects.toMatchObject({
      code: 'ISO-4003',
      outcome: 'unknown',
    });
    expect(cancelled).toHaveBeenCalledOnce();
    expect(pulled).toBeLessThan(15);
  });

  it('what is not sealed is not read at all', async () => {
    const cancelled = vi.fn();
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(bytes('x')),
      cancel: cancelled,
    });
    const response = new Response(endless, { headers: { 'content-type': 'text/html' } });
    await expect(open(newExchange(encoding), response)).rejects.toMatchObject({ code: 'ISO-4005' });
    expect(cancelled).toHaveBeenCalledOnce();
  });

  it('a body that breaks off is an error', async () => {
    for (const type of [TYPE[encoding], 'text/event-stream']) {
      const broken = new ReadableStream({
        pull: (controller) => controller.error(new TypeError('terminated')),
      });
      await expect(
        open(newExchange(encoding), new Response(broken, { headers: { 'content-type': type } })),
      ).rejects.toThrow();
    }
  });

  it.each([
    ['no tag', { 'X-Nen-Nonce': 'A'.repeat(16) }],
    ['a short tag', { 'X-Nen-Tag': 'AAAA', 'X-Nen-Nonce': 'A'.repeat(16) }],
    ['no nonce', { 'X-Nen-Tag': `${'A'.repeat(22)}==` }],
    ['a tag that does not open', { 'X-Nen-Tag': `${'A'.repeat(22)}==`, 'X-Nen-Nonce': 'A'.repeat(16) }],
  ])('an answer without a body, with %s, is refused', async (_name, headers) => {
    const failure = await open(newExchange(encoding), new Response(null, { status: 204, headers })).catch(
      NenError.from,
    );
    expect(['ISO-4004', 'ISO-4005']).toContain(NenError.from(failure)?.code);
  });

  it('an answer without a body opens by its tag, and not beside a body', async () => {
    const exchange = newExchange(encoding, 'none');
    const { headers } = await sealResponse(exchange, 204, 'none', []);
    expect(await open(exchange, new Response(null, { status: 204, headers }))).toMatchObject({
      status: 204,
      fields: [],
    });
    await expect(open(exchange, new Response(null, { status: 205, headers }))).rejects.toMatchObject({
      code: 'ISO-4004',
    });
    const { headers: of200 } = await sealResponse(exchange, 200, 'none', []);
    await expect(open(exchange, new Response('{"a":1}', { headers: of200 }))).rejects.toMatchObject({
      code: 'ISO-4004',
    });
  });
});

it('in a runtime without streams, an envelope opens all the same', async () => {
  const exchange = newExchange('json');
  const body = await (await sealed(exchange, 'abc')).arrayBuffer();
  const response = {
    status: 200,
    ok: true,
    body: null,
    headers: new Headers({ 'content-type': 'application/json' }),
    arrayBuffer: async () => body,
  };
  expect((await open(exchange, response as unknown as Response)).body).toEqual(bytes('abc'));
});
