/**
 * Binary HTTP (RFC 9292), of which we take the known-length form with every section written, and
 * nothing else.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import type { Field } from '../../src/protocol/headers.ts';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type HttpRequest,
  type HttpResponse,
} from '../../src/protocol/http.ts';
import { ascii, bytesUpTo, expectBytes, hex, LONG, patterned, text, unhex } from './support.ts';

const EMPTY: Bytes = new Uint8Array(0);

/** RFC 9292 section 5.1, "Known-Length Binary Encoding of Request". */
const RFC_REQUEST = unhex(`
  00034745 54056874 74707300 0a2f6865 6c6c6f2e 74787440 6c0a7573 65722d61
  67656e74 34637572 6c2f372e 31362e33 206c6962 6375726c 2f372e31 362e3320
  4f70656e 53534c2f 302e392e 376c207a 6c69622f 312e322e 3304686f 73740f77
  77772e65 78616d70 6c652e63 6f6d0f61 63636570 742d6c61 6e677561 67650665
  6e2c206d 690000`);
/** RFC 9292 section 5.2, the known-length response, which has a trailer. */
const RFC_RESPONSE = unhex(`
  0140c800 1d546869 7320636f 6e74656e 7420636f 6e746169 6e732043 524c462e
  0d0a0d07 74726169 6c657204 74657874`);

const request = (message: Partial<HttpRequest> = {}): Bytes =>
  concatBytes(encodeRequest({ method: 'GET', path: '/a', fields: [], body: EMPTY, ...message }));
const response = (message: Partial<HttpResponse> = {}): Bytes =>
  concatBytes(encodeResponse({ status: 200, fields: [], body: EMPTY, ...message }));

describe('the examples of RFC 9292', () => {
  const fields: readonly Field[] = [
    ['user-agent', 'curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3'],
    ['host', 'www.example.com'],
    ['accept-language', 'en, mi'],
  ];

  it('the known-length request is what we write and read', () => {
    const message: HttpRequest = { method: 'GET', path: '/hello.txt', fields, body: EMPTY };
    expect(hex(concatBytes(encodeRequest(message)))).toBe(hex(RFC_REQUEST));
    expect(decodeRequest(RFC_REQUEST)).toEqual(message);
  });

  it('the known-length request with padding is read', () => {
    for (const padding of [1, 10, 1000]) {
      const padded = concatBytes([RFC_REQUEST, new Uint8Array(padding)]);
      expect(decodeRequest(padded)).toEqual(decodeRequest(RFC_REQUEST));
      for (const at of [0, padding - 1]) {
        expect(decodeRequest(padded.with(RFC_REQUEST.length + at, 1))).toBeUndefined();
      }
    }
  });

  it('the forms that leave empty sections out are refused', () => {
    expect(decodeRequest(RFC_REQUEST.subarray(0, -1))).toBeUndefined();
    expect(decodeRequest(RFC_REQUEST.subarray(0, -2))).toBeUndefined();
    expect(decodeResponse(unhex('0140c8'))).toBeUndefined();
    expect(decodeResponse(unhex('0140c80000'))).toBeUndefined();
    expect(decodeResponse(unhex('0140c8000000'))).toEqual({ status: 200, fields: [], body: EMPTY });
  });

  it('the response with a trailer is refused, and read without it', () => {
    expect(decodeResponse(RFC_RESPONSE)).toBeUndefined();
    const without = concatBytes([RFC_RESPONSE.subarray(0, 34), Uint8Array.of(0)]);
    const opened = decodeResponse(without);
    expect(opened?.status).toBe(200);
    expect(text(opened?.body ?? EMPTY)).toBe('This content contains CRLF.\r\n');
  });

  it('indeterminate-length messages and informational responses are refused', () => {
    expect(decodeRequest(RFC_REQUEST.with(0, 2))).toBeUndefined();
    expect(decodeResponse(unhex('0340c8000000'))).toBeUndefined();
    // 103 with no fields, then 200.
    expect(decodeResponse(unhex('01406700 40c8000000'))).toBeUndefined();
    for (const status of ['4064', '4065', '4066', '4067', '40c7']) {
      expect(decodeResponse(unhex(`01${status}000000`)), status).toBeUndefined();
    }
  });

  it('a request with an authority, or of another scheme, is refused', () => {
    expect(
      decodeRequest(unhex('0003474554 056874747073 0b6578616d706c652e636f6d 012f 000000')),
    ).toBeUndefined();
    expect(decodeRequest(unhex('0003474554 0468747470 00 012f 000000'))).toBeUndefined();
    expect(decodeRequest(unhex('0003474554 05485454505300 012f 000000'))).toBeUndefined();
    expect(decodeRequest(unhex('0003474554 056874747073 00 012f 000000'))?.path).toBe('/');
  });

  it('the framing indicator tells requests from responses', () => {
    expect(decodeResponse(request())).toBeUndefined();
    expect(decodeRequest(response())).toBeUndefined();
    for (let indicator = 2; indicator < 64; indicator++) {
      expect(decodeRequest(request().with(0, indicator))).toBeUndefined();
      expect(decodeResponse(response().with(0, indicator))).toBeUndefined();
    }
  });
});

describe('integers (RFC 9000 section 16)', () => {
  /** A response with `length` bytes of content, its length spelled as given. */
  const spelled = (length: string, content: Bytes): Bytes =>
    concatBytes([unhex(`0140c800${length}`), content, Uint8Array.of(0)]);

  it('are read in each of their four sizes, also longer than needed', () => {
    for (const length of ['25', '4025', '80000025', 'c000000000000025']) {
      expect(decodeResponse(spelled(length, patterned(37)))?.body.length).toBe(37);
    }
    expect(decodeResponse(unhex('01c0000000000000c8000000'))?.status).toBe(200);
    expect(decodeResponse(spelled('7bbd', patterned(15_293)))?.body.length).toBe(15_293);
  });

  it('are written in the shortest', () => {
    const written = [0, 1, 63, 64, 16_383, 16_384, 100_000].map((length) =>
      hex((encodeResponse({ status: 200, fields: [], body: patterned(length) })[0] ?? EMPTY).subarray(4)),
    );
    expect(written).toEqual(['00', '01', '3f', '4040', '7fff', '80004000', '800186a0']);
  });

  it('beyond what is there, or beyond exactness, are refused at once', () => {
    for (const length of [
      '01',
      '3f',
      '7fff',
      'bfffffff',
      'ffffffffffffffff',
      'e000000000000000',
      'c020000000000000',
      'c01fffffffffffff',
    ]) {
      expect(decodeResponse(unhex(`0140c800${length}`)), length).toBeUndefined();
      expect(decodeResponse(unhex(`0140c8${length}`)), length).toBeUndefined();
      expect(decodeRequest(unhex(`00${length}`)), length).toBeUndefined();
    }
  });

  it('that are cut off are refused', () => {
    for (const length of ['40', '8000', 'c0000000000000']) {
      expect(decodeResponse(unhex(`0140c800${length}`))).toBeUndefined();
    }
  });

  it('over the limit of a section are not written', () => {
    const huge = { length: 2 ** 30 } as unknown as Bytes;
    expect(() => encodeResponse({ status: 200, fields: [], body: huge })).toThrow(RangeError);
  });
});

describe('messages', () => {
  const nameCharacter = fc.constantFrom(...Array.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"));
  const name = fc.string({ unit: nameCharacter, minLength: 1, maxLength: 70 });
  const valueCharacter = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
  const value = fc.string({ unit: valueCharacter, maxLength: 80 }).filter((one) => !/[\r\n\0]/.test(one));
  const fields = fc.array(fc.tuple(name, value), { maxLength: 6 });
  const latin1 = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 80,
  });

  it('come out as they went in', () => {
    fc.assert(
      fc.property(name, latin1, fields, bytesUpTo(300), (method, path, list, body) => {
        const message: HttpRequest = { method, path, fields: list, body };
        expect(decodeRequest(concatBytes(encodeRequest(message)))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fields, bytesUpTo(300), (status, list, body) => {
        const message: HttpResponse = { status, fields: list, body };
        expect(decodeResponse(concatBytes(encodeResponse(message)))).toEqual(message);
      }),
    );
  });

  it('of a megabyte come out as they went in, not copied', () => {
    const body = patterned(1_048_576);
    const pieces = encodeRequest({ method: 'POST', path: '/a', fields: [], body });
    expect(pieces[1]).toBe(body);
    const bytes = concatBytes(pieces);
    const decoded = decodeRequest(bytes);
    expectBytes(decoded?.body, body);
    expect(decoded?.body.buffer).toBe(bytes.buffer);
  });

  it('cut short anywhere are refused', () => {
    const whole = request({
      method: 'POST',
      fields: [
        ['a', 'b'],
        ['content-type', 'text/plain'],
      ],
      body: ascii('body'),
    });
    const answer = response({ status: 503, fields: [['a', 'b']], body: patterned(70) });
    for (let length = 0; length < whole.length; length++) {
      expect(decodeRequest(whole.subarray(0, length)), `${length}`).toBeUndefined();
    }
    for (let length = 0; length < answer.length; length++) {
      expect(decodeResponse(answer.subarray(0, length)), `${length}`).toBeUndefined();
    }
  });

  it('never make a decoder throw, whatever the bytes', () => {
    const run = { numRuns: LONG ? 20_000 : 1000 };
    fc.assert(
      fc.property(bytesUpTo(60), (bytes) => {
        decodeRequest(bytes);
        decodeResponse(bytes);
      }),
      run,
    );
    const good = request({ method: 'POST', fields: [['a', 'b']], body: ascii('body') });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const decoded = decodeRequest(good.with(at, byte));
        if (decoded === undefined) return;
        // What is taken says what its own encoding says.
        expect(decodeRequest(concatBytes(encodeRequest(decoded)))).toEqual(decoded);
      }),
      run,
    );
  });

  it.each([
    ['empty', ''],
    ['in upper case', 'Accept'],
    ['with a space', 'a b'],
    ['with a colon', ':status'],
    ['with a line end', 'a\n'],
    ['with a zero byte', 'a\0'],
    ['with a comma', 'a,b'],
    ['with a slash', 'a/b'],
    ['of latin1', '\u00e9'],
  ])('with a field name %s are refused', (_, bad) => {
    expect(
      decodeRequest(
        request({
          fields: [
            ['a', 'b'],
            [bad, 'x'],
          ],
        }),
      ),
    ).toBeUndefined();
    expect(decodeResponse(response({ fields: [[bad, 'x']] }))).toBeUndefined();
  });

  it.each(['\r', '\n', '\0', 'a\r\nx: y', 'a\n', '\0a'])('with %j in a field value are refused', (bad) => {
    expect(decodeRequest(request({ fields: [['a', bad]] }))).toBeUndefined();
    expect(
      decodeResponse(
        response({
          fields: [
            ['a', 'b'],
            ['c', bad],
          ],
        }),
      ),
    ).toBeUndefined();
  });

  it.each(['', 'G T', 'GET\n', 'GET\0', 'G:T', '\u00e9', 'GET /x HTTP/1.1\r\n'])(
    'of the method %j are refused',
    (method) => {
      expect(decodeRequest(request({ method }))).toBeUndefined();
    },
  );

  it('with a status outside 200 to 599 are refused', () => {
    for (const status of [0, 1, 99, 100, 101, 103, 199, 600, 999, 16_384]) {
      expect(decodeResponse(response({ status })), `${status}`).toBeUndefined();
    }
    for (const status of [200, 204, 304, 404, 599])
      expect(decodeResponse(response({ status }))?.status).toBe(status);
  });

  it('whose field section ends inside a field are refused', () => {
    // A section of 3 bytes that holds "1 a 1 b": the last byte would come from the content.
    for (const section of ['03 0161 01 62', '02 0161 01 62', '01 01 61 01 62', '04 0161 02 62 62']) {
      expect(decodeResponse(unhex(`0140c8 ${section} 00 00`)), section).toBeUndefined();
    }
    expect(decodeResponse(unhex('0140c8 04 0161 0162 00 00'))?.fields).toEqual([['a', 'b']]);
  });

  it('keep repeated fields, in order', () => {
    const list: readonly Field[] = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ];
    expect(decodeResponse(response({ fields: list }))?.fields).toEqual(list);
  });

  it('with trailers are refused', () => {
    const trailer = latin1ToBytes('\x04\x01a\x01b');
    for (const whole of [request(), response()]) {
      const withTrailer = concatBytes([whole.subarray(0, -1), trailer]);
      expect(decodeRequest(withTrailer) ?? decodeResponse(withTrailer)).toBeUndefined();
      // A section of zeros is no padding either.
      const zeros = concatBytes([whole.subarray(0, -1), Uint8Array.of(2, 0, 0)]);
      expect(decodeRequest(zeros) ?? decodeResponse(zeros)).toBeUndefined();
    }
  });

  it('with text that does not fit into bytes are not written', () => {
    expect(() => request({ path: '/\u0100' })).toThrow(RangeError);
    expect(() => response({ fields: [['a', '\u20ac']] })).toThrow(RangeError);
  });
});
