/**
 * One exchange against whoever carries it: a request opens only as it was sent, where it was sent, by the
 * session that sent it; a response opens only as the answer to its own request.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type Bytes, base64Decode, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import type { SyncPrimitives } from '../../src/crypto/primitives.ts';
import { primitives } from '../../src/crypto/select.ts';
import type { Encoding, RequestKind, ResponseKind } from '../../src/protocol/envelope.ts';
import { writeRequestEnvelope, writeResponseEnvelope } from '../../src/protocol/envelope.ts';
import type { NenErrorCode } from '../../src/protocol/errors.ts';
import {
  type Exchange,
  type OpenedRequest,
  openRequest,
  openResponse,
  sealRequest,
  sealResponse,
} from '../../src/protocol/exchange.ts';
import { input } from '../../src/protocol/input.ts';
import { deriveResponseKey } from '../../src/protocol/keys.ts';
import { type RequestLine, readSealedHeaders, verifyRequest } from '../../src/protocol/signed-headers.ts';
import {
  ascii,
  bytesUpTo,
  codeOf,
  errorOf,
  flip,
  hex,
  LONG,
  NOW,
  patterned,
  seeded,
  sessionOf,
  sidOf,
  text,
} from './support.ts';

const EMPTY: Bytes = new Uint8Array(0);
const RETRY = `${sidOf('first')} 1699999990000 AAAAAAAAAAAAAAAA epoch-1`;
const client = sessionOf('a');
const server = sessionOf('a');

interface Case {
  readonly kind: RequestKind;
  readonly encoding: Encoding;
  readonly retry: string;
  readonly line: RequestLine;
  readonly payload: Bytes;
}

const POST: RequestLine = { method: 'POST', path: '/api/notes', query: '?batch=1' };
const GET: RequestLine = { method: 'GET', path: '/api/notes/1', query: '?id=1' };
const CASES: readonly Case[] = ['', RETRY].flatMap((retry): Case[] => [
  { kind: 'json', encoding: 'json', retry, line: POST, payload: ascii('{"text":"hello"}') },
  { kind: 'http', encoding: 'json', retry, line: POST, payload: ascii('a whole message') },
  { kind: 'http', encoding: 'octets', retry, line: POST, payload: ascii('a whole message') },
  { kind: 'none', encoding: 'json', retry, line: GET, payload: EMPTY },
  { kind: 'none', encoding: 'octets', retry, line: GET, payload: EMPTY },
]);

const titled = CASES.map(
  (c) => [`${c.kind} in ${c.encoding}${c.retry === '' ? '' : ', a retry'}`, c] as const,
);

/** A request on the wire. */
interface Wire {
  readonly line: RequestLine;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

async function seal(c: Case, nonce = 'n', session = client): Promise<Wire & { exchange: Exchange }> {
  const { kind, encoding, retry } = c;
  const options = { kind, encoding, retry, timestamp: NOW, random: seeded(nonce) };
  const { headers, body, exchange } = await sealRequest(session, c.line, [c.payload], options);
  return { line: c.line, headers, body: body ?? EMPTY, exchange };
}

/** All that the server does with a request before it claims the nonce. */
async function receive({ line, headers, body }: Wire, session = server, now = NOW): Promise<OpenedRequest> {
  const read = new Headers(headers);
  const sealed = readSealedHeaders(read);
  expect(sealed.sid).toBe(session.sid);
  verifyRequest(session.keys, line, sealed, now);
  const encoding = read.get('content-type') === 'application/octet-stream' ? 'octets' : 'json';
  return openRequest(session, line, sealed, encoding, body);
}

const REFUSED: readonly string[] = [
  'ISO-2001',
  'ISO-3001',
  'ISO-3002',
  'ISO-3003',
  'ISO-3004',
  'ISO-3005',
  'ISO-3006',
  'ISO-4001',
  'ISO-4002',
];

describe.each(titled)('a request: %s', (_, c) => {
  it('opens as it was sealed', async () => {
    const { exchange, ...wire } = await seal(c);
    const opened = await receive(wire);
    expect(hex(opened.payload)).toBe(hex(c.payload));
    expect(opened.exchange).toMatchObject({
      kind: c.kind,
      nonce: exchange.nonce,
      encoding: exchange.encoding,
    });
  });

  it('is sealed as the protocol says: signature, AAD, envelope', async () => {
    const { headers, body, exchange } = await seal(c);
    const nonce = seeded('n')(12);
    const n = base64Encode(nonce);
    const signed = `${c.line.method}\n${c.line.path}\n${NOW}\n${n}`;
    const target = c.line.path + c.line.query;
    const aad = input('nen/2 request', client.sid, c.line.method, target, String(NOW), c.kind, c.retry);
    const box = concatBytes(await server.keys.requestKey.seal(nonce, aad, [c.payload]));
    const type = c.encoding === 'octets' ? 'application/octet-stream' : 'application/json';
    expect(headers).toEqual({
      'X-Nen-Session': client.sid,
      'X-Nen-Timestamp': String(NOW),
      'X-Nen-Nonce': n,
      'X-Nen-Signature': base64Encode(server.keys.hmacKey.mac(ascii(signed))),
      ...(c.retry !== '' && { 'X-Nen-Retry': c.retry }),
      ...(c.kind === 'none' ? { 'X-Nen-Tag': base64Encode(box) } : { 'Content-Type': type }),
    });
    const t = c.kind === 'http' ? '"t":"http",' : '';
    if (c.kind === 'none') expect(body.length).toBe(0);
    else if (c.encoding === 'octets') expect(hex(body)).toBe(hex(box));
    else expect(text(body)).toBe(`{${t}"ct":"${base64Encode(box)}"}`);
    expect(hex(exchange.nonce)).toBe(hex(nonce));
  });

  it('does not open with any bit of any header value flipped', async () => {
    const wire = await seal(c);
    for (const name of Object.keys(wire.headers).filter((header) => header.startsWith('X-Nen-'))) {
      const value = ascii(wire.headers[name] ?? '');
      for (let bit = 0; bit < value.length * 8; bit++) {
        // The top bit makes a latin1 letter; what can't be in a header can't arrive.
        const altered = String.fromCharCode(...flip(value, bit));
        if (/[\r\n\0]/.test(altered) || altered !== altered.trim()) continue;
        const headers = { ...wire.headers, [name]: altered };
        if (name === 'X-Nen-Session') {
          // Another session's, if anybody's.
          expect(new Headers(headers).get(name)).not.toBe(server.sid);
          continue;
        }
        expect(REFUSED, `${name} bit ${bit}`).toContain(await codeOf(() => receive({ ...wire, headers })));
      }
    }
  });

  it('does not open with any header left out, empty, doubled, cut short or lengthened', async () => {
    const wire = await seal(c);
    for (const [name, value] of Object.entries(wire.headers)) {
      if (!name.startsWith('X-Nen-')) continue;
      const { [name]: _gone, ...without } = wire.headers;
      const cuts = Array.from({ length: value.length }, (_, length) => value.slice(0, length));
      const changed = [...cuts, `${value}, ${value}`, `${value}A`, `${value}=`, `A${value}`];
      const all = [without, ...changed.map((other) => ({ ...wire.headers, [name]: other }))];
      for (const headers of all) {
        expect(REFUSED, JSON.stringify(headers)).toContain(await codeOf(() => receive({ ...wire, headers })));
      }
    }
  });

  it('does not open with any bit of its body flipped', async () => {
    const wire = await seal(c);
    for (let bit = 0; bit < wire.body.length * 8; bit++) {
      const code = await codeOf(() => receive({ ...wire, body: flip(wire.body, bit) }));
      expect(['ISO-4001', 'ISO-4002'], `bit ${bit}`).toContain(code);
    }
  });

  it('does not open cut short or lengthened', async () => {
    const wire = await seal(c);
    for (let length = 0; length < wire.body.length; length++) {
      const code = await codeOf(() => receive({ ...wire, body: wire.body.subarray(0, length) }));
      expect(['ISO-4001', 'ISO-4002']).toContain(code);
    }
    for (const more of ['x', '}', '"', '\0', '{}', ',']) {
      const body = concatBytes([wire.body, ascii(more)]);
      expect(['ISO-4001', 'ISO-4002']).toContain(await codeOf(() => receive({ ...wire, body })));
    }
  });

  it('does not open moved to another method, path or query', async () => {
    const wire = await seal(c);
    const moves: [RequestLine, NenErrorCode][] = [
      [{ ...wire.line, method: 'DELETE' }, 'ISO-3002'],
      [{ ...wire.line, path: '/api/other' }, 'ISO-3002'],
      [{ ...wire.line, path: `${wire.line.path}/` }, 'ISO-3002'],
      [{ ...wire.line, path: wire.line.path.toUpperCase() }, 'ISO-3002'],
      [{ ...wire.line, path: `${wire.line.path};x` }, 'ISO-3002'],
      [{ ...wire.line, path: `/./${wire.line.path}` }, 'ISO-3002'],
      [{ ...wire.line, path: wire.line.path + wire.line.query, query: '' }, 'ISO-3002'],
      [{ ...wire.line, query: '' }, 'ISO-4001'],
      [{ ...wire.line, query: '?' }, 'ISO-4001'],
      [{ ...wire.line, query: `${wire.line.query}&x=1` }, 'ISO-4001'],
      [{ ...wire.line, query: wire.line.query.replace('1', '2') }, 'ISO-4001'],
    ];
    for (const [line, code] of moves) expect(await codeOf(() => receive({ ...wire, line }))).toBe(code);
  });

  it('does not open under another session, nor with its box under another sid', async () => {
    const wire = await seal(c);
    const sealed = readSealedHeaders(new Headers(wire.headers));
    const other = sessionOf('b');
    expect(await codeOf(() => verifyRequest(other.keys, wire.line, sealed, NOW))).toBe('ISO-3002');
    expect(await codeOf(() => openRequest(other, wire.line, sealed, c.encoding, wire.body))).toBe('ISO-4001');
    const renamed = { sid: sidOf('b'), keys: server.keys };
    expect(await codeOf(() => openRequest(renamed, wire.line, sealed, c.encoding, wire.body))).toBe(
      'ISO-4001',
    );
  });

  it('does not open with another timestamp or nonce, even if its keys signed that', async () => {
    const wire = await seal(c);
    const sealed = readSealedHeaders(new Headers(wire.headers));
    const nonceBytes = seeded('other')(12);
    for (const altered of [
      { ...sealed, timestamp: String(NOW + 1) },
      { ...sealed, nonce: base64Encode(nonceBytes), nonceBytes },
    ]) {
      expect(await codeOf(() => openRequest(server, wire.line, altered, c.encoding, wire.body))).toBe(
        'ISO-4001',
      );
    }
  });

  it('does not open as a retry of another attempt, as none, or as one where it was none', async () => {
    const wire = await seal(c);
    const { 'X-Nen-Retry': _gone, ...without } = wire.headers;
    const other = RETRY.replace('1699999990000', '1699999990001');
    for (const headers of [{ ...without, 'X-Nen-Retry': other }, c.retry === '' ? undefined : without]) {
      if (headers === undefined) continue;
      expect(await codeOf(() => receive({ ...wire, headers }))).toBe('ISO-4001');
    }
  });

  it('does not open its own answer as a request', async () => {
    const { exchange, ...wire } = await seal(c);
    const answer = await sealResponse(exchange, 200, 'http', [ascii('answer')], seeded('r'));
    const code = await codeOf(() => receive({ ...wire, body: answer.body ?? EMPTY }));
    expect(['ISO-4001', 'ISO-4002']).toContain(code);
  });

  it('says nothing but its code about why it did not open', async () => {
    const wire = await seal(c);
    const line = { ...wire.line, query: '?secret=1' };
    const error = await errorOf(() => receive({ ...wire, line }));
    expect(error.message).toBe('The request cannot be opened.');
    expect(JSON.stringify(error)).not.toContain('secret');
  });
});

it.each(titled)('%s is signed by a runtime whose promises are none of the global Promise', async (_, c) => {
  const { hmacKey } = client.keys;
  const later = { ...hmacKey, mac: async (data: Bytes) => hmacKey.mac(data) };
  // As zone.js does, which some tracers bring along: async functions go on giving the runtime's own.
  vi.stubGlobal('Promise', class extends Promise<unknown> {});
  const session = { ...client, keys: { ...client.keys, hmacKey: later as never } };
  const { headers } = await seal(c, 'n', session).finally(() => vi.unstubAllGlobals());
  expect(headers).toEqual((await seal(c)).headers);
});

describe('a request', () => {
  it('does not open as another kind', async () => {
    const wire = await seal({ ...CASES[0], line: POST } as Case);
    const box = base64Decode((JSON.parse(text(wire.body)) as { ct: string }).ct) ?? EMPTY;
    const asHttp = writeRequestEnvelope('json', 'http', [box]);
    expect(await codeOf(() => receive({ ...wire, body: asHttp }))).toBe('ISO-4001');
    const headers = { ...wire.headers, 'Content-Type': 'application/octet-stream' };
    expect(await codeOf(() => receive({ ...wire, headers, body: box }))).toBe('ISO-4001');
    const http = await seal({ kind: 'http', encoding: 'json', retry: '', line: POST, payload: ascii('m') });
    const httpBox = base64Decode((JSON.parse(text(http.body)) as { ct: string }).ct) ?? EMPTY;
    const asJson = writeRequestEnvelope('json', 'json', [httpBox]);
    expect(await codeOf(() => receive({ ...http, body: asJson }))).toBe('ISO-4001');
  });

  it('whose empty body is sealed does not open as one without a body, nor the other way round', async () => {
    const empty = await seal({ kind: 'json', encoding: 'json', retry: '', line: POST, payload: EMPTY });
    const { ct } = JSON.parse(text(empty.body)) as { ct: string };
    const asTag = { ...empty, headers: { ...empty.headers, 'X-Nen-Tag': ct }, body: EMPTY };
    expect(await codeOf(() => receive(asTag))).toBe('ISO-4001');
    const none = await seal({ kind: 'none', encoding: 'json', retry: '', line: POST, payload: EMPTY });
    const { 'X-Nen-Tag': tag = '', ...headers } = none.headers;
    const body = ascii(`{"ct":"${tag}"}`);
    expect(await codeOf(() => receive({ ...none, headers, body }))).toBe('ISO-4001');
    expect(await codeOf(() => receive({ ...none, headers }))).toBe('ISO-4002');
  });

  it('fails with 4002 with a body beside its tag', async () => {
    const none = await seal({ kind: 'none', encoding: 'json', retry: '', line: POST, payload: EMPTY });
    for (const body of ['{"ct":"AAAAAAAAAAAAAAAAAAAAAA=="}', ' ', '{}']) {
      expect(await codeOf(() => receive({ ...none, body: ascii(body) }))).toBe('ISO-4002');
    }
    const post = await seal({ kind: 'json', encoding: 'json', retry: '', line: POST, payload: ascii('{}') });
    const headers = { ...post.headers, 'X-Nen-Tag': none.headers['X-Nen-Tag'] ?? '' };
    expect(await codeOf(() => receive({ ...post, headers }))).toBe('ISO-4002');
  });

  it('fails with 4002 with a tag of any length but a tag, even one that would open', async () => {
    const none = await seal({
      kind: 'none',
      encoding: 'json',
      retry: '',
      line: GET,
      payload: ascii('smuggled'),
    });
    expect(await codeOf(() => receive(none))).toBe('ISO-4002');
    for (const length of [0, 1, 15, 17, 32]) {
      const headers = { ...none.headers, 'X-Nen-Tag': base64Encode(new Uint8Array(length)) };
      expect(await codeOf(() => receive({ ...none, headers }))).toBe('ISO-4002');
    }
    const { exchange } = await seal({ kind: 'none', encoding: 'json', retry: '', line: GET, payload: EMPTY });
    const answered = await sealResponse(exchange, 204, 'none', [ascii('smuggled')]);
    const opening = openResponse(exchange, 204, new Headers(answered.headers), EMPTY);
    expect(await codeOf(() => opening)).toBe('ISO-4004');
  });

  it('without a body is answered in JSON, whatever the encoding of those that have one', async () => {
    for (const encoding of ['json', 'octets'] as const) {
      const sealed = await seal({ kind: 'none', encoding, retry: '', line: GET, payload: EMPTY });
      expect(sealed.exchange.encoding).toBe('json');
      // A content type that the way adds to it changes nothing.
      const headers = { ...sealed.headers, 'Content-Type': 'application/octet-stream' };
      const { exchange } = await receive({ ...sealed, headers });
      expect(exchange.encoding).toBe('json');
      const answer = await sealResponse(exchange, 200, 'json', [ascii('{}')]);
      const opened = await openResponse(
        sealed.exchange,
        200,
        new Headers(answer.headers),
        answer.body ?? EMPTY,
      );
      expect(text(opened.payload)).toBe('{}');
    }
  });

  it('never has the nonce of another', async () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const options = { kind: 'none', encoding: 'json', retry: '', timestamp: NOW } as const;
      nonces.add((await sealRequest(client, GET, [], options)).nonce);
    }
    expect(nonces.size).toBe(500);
  });

  it('and its answer open with any payload, in any encoding', async () => {
    const kinds = fc.constantFrom(...CASES.filter(({ kind }) => kind !== 'none'));
    await fc.assert(
      fc.asyncProperty(
        kinds,
        fc.array(bytesUpTo(500), { maxLength: 4 }),
        bytesUpTo(500),
        async (c, payload, answer) => {
          const options = { kind: c.kind, encoding: c.encoding, retry: c.retry, timestamp: NOW };
          const { headers, body, exchange } = await sealRequest(client, c.line, payload, options);
          const opened = await receive({ line: c.line, headers, body: body ?? EMPTY });
          expect(hex(opened.payload)).toBe(hex(concatBytes(payload)));
          const sealed = await sealResponse(opened.exchange, 200, 'http', [answer]);
          const got = await openResponse(exchange, 200, new Headers(sealed.headers), sealed.body ?? EMPTY);
          expect(hex(got.payload)).toBe(hex(answer));
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['json', 'octets'] as const)('of a megabyte opens in %s', async (encoding) => {
    const payload = patterned(1_048_577);
    const wire = await seal({ kind: 'http', encoding, retry: '', line: POST, payload });
    expect(Buffer.compare((await receive(wire)).payload, payload)).toBe(0);
  });
});

interface AnswerCase {
  readonly kind: ResponseKind;
  readonly encoding: Encoding;
}

const ANSWERS: readonly AnswerCase[] = [
  { kind: 'json', encoding: 'json' },
  { kind: 'http', encoding: 'json' },
  { kind: 'error', encoding: 'json' },
  { kind: 'none', encoding: 'json' },
  { kind: 'http', encoding: 'octets' },
  { kind: 'error', encoding: 'octets' },
  { kind: 'none', encoding: 'octets' },
];

function exchangeOf(encoding: Encoding, nonce = 'n', name = 'a'): Exchange {
  return { session: sessionOf(name), nonce: seeded(nonce)(12), kind: 'http', encoding };
}

interface Answer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

async function answer({ kind, encoding }: AnswerCase, exchange = exchangeOf(encoding)): Promise<Answer> {
  const payload = kind === 'none' ? [] : [ascii('{"an":'), ascii('"swer"}')];
  const { headers, body } = await sealResponse(exchange, 200, kind, payload, seeded('r'));
  return { headers, body: body ?? EMPTY };
}

describe.each(ANSWERS.map((c) => [`${c.kind} in ${c.encoding}`, c] as const))('a response: %s', (_, c) => {
  const exchange = exchangeOf(c.encoding);

  function receiveAnswer(
    { headers, body }: Answer,
    from = exchange,
    status = 200,
  ): Promise<NenErrorCode | 'ok'> {
    return codeOf(() => openResponse(from, status, new Headers(headers), body));
  }

  it('opens as the answer to its request', async () => {
    const { headers, body } = await answer(c);
    const opened = await openResponse(exchange, 200, new Headers(headers), body);
    expect(opened.kind).toBe(c.kind);
    expect(text(opened.payload)).toBe(c.kind === 'none' ? '' : '{"an":"swer"}');
  });

  it('is sealed as the protocol says: answer key, AAD, envelope', async () => {
    const { headers, body } = await answer(c);
    const nonce = seeded('r')(12);
    const key = deriveResponseKey(exchange.session.keys, 'nen/2 answer', exchange.nonce);
    const aad = input('nen/2 response', exchange.session.sid, exchange.nonce, '200', c.kind);
    const plain = c.kind === 'none' ? EMPTY : ascii('{"an":"swer"}');
    const box = concatBytes(await key.seal(nonce, aad, [plain]));
    const [n, ct] = [base64Encode(nonce), base64Encode(box)];
    if (c.kind === 'none') {
      expect(headers).toEqual({ 'X-Nen-Nonce': n, 'X-Nen-Tag': ct });
      expect(body.length).toBe(0);
    } else if (c.encoding === 'octets') {
      expect(headers).toEqual({ 'Content-Type': 'application/octet-stream' });
      const type = c.kind === 'error' ? 2 : 0;
      expect(hex(body)).toBe(hex(concatBytes([Uint8Array.of(type), nonce, box])));
    } else {
      expect(headers).toEqual({ 'Content-Type': 'application/json' });
      const t = c.kind === 'json' ? '' : `"t":"${c.kind}",`;
      expect(text(body)).toBe(`{${t}"n":"${n}","ct":"${ct}"}`);
    }
  });

  it('does not open as the answer to another request, even of the same session', async () => {
    const sealed = await answer(c);
    expect(await receiveAnswer(sealed, exchangeOf(c.encoding, 'other'))).toBe('ISO-4004');
    expect(await receiveAnswer(sealed, exchangeOf(c.encoding, 'n', 'b'))).toBe('ISO-4004');
    const renamed = { ...exchange, session: { sid: sidOf('b'), keys: exchange.session.keys } };
    expect(await receiveAnswer(sealed, renamed)).toBe('ISO-4004');
  });

  it('does not open under another outer status', async () => {
    const sealed = await answer(c);
    for (const status of [201, 204, 302, 404, 500, 20, 2000]) {
      expect(await receiveAnswer(sealed, exchange, status)).toBe('ISO-4004');
    }
  });

  it('does not open with any bit flipped', async () => {
    const { headers, body } = await answer(c);
    for (let bit = 0; bit < body.length * 8; bit++) {
      expect(await receiveAnswer({ headers, body: flip(body, bit) }), `bit ${bit}`).toBe('ISO-4004');
    }
    for (const [name, value] of Object.entries(headers)) {
      if (!name.startsWith('X-Nen-')) continue;
      for (let bit = 0; bit < value.length * 8; bit++) {
        const altered = String.fromCharCode(...flip(ascii(value), bit));
        if (/[\r\n\0]/.test(altered) || altered !== altered.trim()) continue;
        expect(await receiveAnswer({ headers: { ...headers, [name]: altered }, body })).toBe('ISO-4004');
      }
    }
  });

  it('does not open cut short or lengthened', async () => {
    const { headers, body } = await answer(c);
    for (let length = 0; length < body.length; length++) {
      expect(await receiveAnswer({ headers, body: body.subarray(0, length) })).toBe('ISO-4004');
    }
    expect(await receiveAnswer({ headers, body: concatBytes([body, Uint8Array.of(0)]) })).toBe('ISO-4004');
  });

  it('does not open as another kind', async () => {
    const nonce = seeded('r')(12);
    for (const kind of ['json', 'http', 'error'] as const) {
      if (kind === c.kind || (kind === 'json' && c.encoding === 'octets')) continue;
      const key = deriveResponseKey(exchange.session.keys, 'nen/2 answer', exchange.nonce);
      const aad = input('nen/2 response', exchange.session.sid, exchange.nonce, '200', c.kind);
      const box = await key.seal(nonce, aad, [EMPTY]);
      const body = writeResponseEnvelope(c.encoding, kind, nonce, box);
      expect(await receiveAnswer({ headers: {}, body })).toBe('ISO-4004');
    }
  });

  it('is never the request itself, reflected', async () => {
    const options = { encoding: c.encoding, retry: '', timestamp: NOW, random: seeded('n') };
    const http = await sealRequest(exchange.session, POST, [ascii('mine')], { ...options, kind: 'http' });
    expect(await receiveAnswer({ headers: http.headers, body: http.body ?? EMPTY })).toBe('ISO-4004');
    const n = seeded('n')(12);
    const aad = input('nen/2 response', exchange.session.sid, exchange.nonce, '200', 'http');
    const box = await exchange.session.keys.requestKey.seal(n, aad, [ascii('mine')]);
    const body = writeResponseEnvelope(c.encoding, 'http', n, box);
    expect(await receiveAnswer({ headers: {}, body })).toBe('ISO-4004');
    const none = await sealRequest(exchange.session, POST, [], { ...options, kind: 'none' });
    expect(await receiveAnswer({ headers: none.headers, body: EMPTY })).toBe('ISO-4004');
  });

  it('says the outer status with its failure, and that the outcome is unknown', async () => {
    const { headers } = await answer(c);
    const error = await errorOf(() => openResponse(exchange, 502, new Headers(headers), ascii('<html>')));
    expect(error).toMatchObject({ code: 'ISO-4004', status: 502, outcome: 'unknown' });
  });
});

describe('a response', () => {
  it('leaves no answer key behind, whether it opens or not', async () => {
    const p = primitives();
    const left = new Set<object>();
    const watching: SyncPrimitives = {
      ...p,
      deriveAeadKey(prk, info) {
        const key = p.deriveAeadKey(prk, info);
        left.add(key);
        const { wipe } = key;
        key.wipe = () => {
          left.delete(key);
          wipe();
        };
        return key;
      },
    };
    const exchange: Exchange = { ...exchangeOf('json'), session: sessionOf('a', watching) };
    left.clear();
    const { headers, body } = await answer({ kind: 'json', encoding: 'json' }, exchange);
    expect(left.size).toBe(0);
    const opening = (status: number): Promise<string> =>
      codeOf(() => openResponse(exchange, status, new Headers(headers), body));
    expect(await opening(200)).toBe('ok');
    expect(await opening(500)).toBe('ISO-4004');
    expect(left.size).toBe(0);
  });

  it('that could not be sealed leaves no answer key behind', async () => {
    const p = primitives();
    const wipe = vi.fn();
    const seal = (): never => {
      throw new Error('out of memory');
    };
    const failing: SyncPrimitives = {
      ...p,
      deriveAeadKey: (prk, info) => ({ ...p.deriveAeadKey(prk, info), seal, wipe }),
    };
    const exchange: Exchange = { ...exchangeOf('json'), session: sessionOf('a', failing) };
    await expect(answer({ kind: 'json', encoding: 'json' }, exchange)).rejects.toThrow('out of memory');
    expect(wipe).toHaveBeenCalledOnce();
  });

  it('is sealed under a nonce of its own, and the same payload looks different each time', async () => {
    const exchange = exchangeOf('octets');
    const first = await sealResponse(exchange, 200, 'http', [ascii('x')]);
    const second = await sealResponse(exchange, 200, 'http', [ascii('x')]);
    expect(hex(first.body ?? EMPTY)).not.toBe(hex(second.body ?? EMPTY));
  });

  it('without a body does not open with a body beside its tag', async () => {
    const exchange = exchangeOf('json');
    const { headers } = await answer({ kind: 'none', encoding: 'json' }, exchange);
    expect(await codeOf(() => openResponse(exchange, 200, new Headers(headers), ascii('x')))).toBe(
      'ISO-4004',
    );
  });

  it('opens a sample of sizes, up to a megabyte', async () => {
    for (const encoding of ['json', 'octets'] as const) {
      for (const length of LONG
        ? [0, 1, 49_151, 49_152, 49_153, 98_304, 1_048_576]
        : [0, 1, 49_152, 1_048_576]) {
        const exchange = exchangeOf(encoding);
        const payload = patterned(length);
        const { headers, body } = await sealResponse(exchange, 200, 'http', [payload]);
        const opened = await openResponse(exchange, 200, new Headers(headers), body ?? EMPTY);
        expect(Buffer.compare(opened.payload, payload)).toBe(0);
      }
    }
  });
});
