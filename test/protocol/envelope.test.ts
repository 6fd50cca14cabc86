/** Envelopes: one fixed form is written; that form and any other spelling of the same fields is read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, base64Encode, concatBytes } from '../../src/crypto/bytes.ts';
import {
  type Encoding,
  readRequestEnvelope,
  readResponseEnvelope,
  writeRequestEnvelope,
  writeResponseEnvelope,
} from '../../src/protocol/envelope.ts';
import {
  ascii,
  bytesOf,
  bytesUpTo,
  expectBytes,
  hex,
  LONG,
  named,
  patterned,
  polluted,
  text,
} from './support.ts';

const BOX = named('box');
const NONCE = named('nonce').slice(0, 12);
const CT = base64Encode(BOX);
const N = base64Encode(NONCE);
const ENCODINGS: readonly Encoding[] = ['json', 'octets'];

describe('a request envelope', () => {
  it('is written in one form', () => {
    expect(text(writeRequestEnvelope('json', 'json', [BOX]))).toBe(`{"ct":"${CT}"}`);
    expect(text(writeRequestEnvelope('json', 'http', [BOX]))).toBe(`{"t":"http","ct":"${CT}"}`);
    expect(hex(writeRequestEnvelope('octets', 'http', [BOX]))).toBe(hex(BOX));
  });

  it.each([
    [`{"ct":"${CT}"}`, 'json'],
    [`{"t":"http","ct":"${CT}"}`, 'http'],
    [`{"ct":"${CT}","t":"http"}`, 'http'],
    [`{"ct":"${CT}","n":"${N}"}`, 'json'],
    [`{"n":"${N}","ct":"${CT}"}`, 'json'],
    [`{"t":"http","n":"${N}","ct":"${CT}"}`, 'http'],
    [`{"n":"${N}","ct":"${CT}","t":"http"}`, 'http'],
    [` {"ct":"${CT}"}`, 'json'],
    [`{"ct":"${CT}"} \r\n\t`, 'json'],
    [`{ "t" : "http" ,\n "ct" : "${CT}" }`, 'http'],
  ])('is read from %s', (body, kind) => {
    const envelope = readRequestEnvelope('json', ascii(body), N);
    expect(envelope?.kind).toBe(kind);
    expectBytes(envelope?.box, BOX);
  });

  const unreadable = (ct: string): string[] => [
    '',
    ' ',
    'null',
    '[]',
    '{}',
    '"x"',
    `["${ct}"]`,
    `{"ct":null}`,
    `{"ct":1}`,
    `{"ct":true}`,
    `{"ct":{}}`,
    `{"ct":{"ct":"${ct}"}}`,
    `{"ct":["${ct}"]}`,
    `{"ct":[]}`,
    `{"ct":""}`,
    `{"CT":"${ct}"}`,
    `{"ct":"${ct}","ct":"${ct}"}`,
    `{"ct":"AAAA","ct":"${ct}"}`,
    `{"ct":1,"ct":"${ct}"}`,
    `{"ct":"${ct}","x":1}`,
    `{"x":1,"ct":"${ct}"}`,
    `{"ct":"${ct}","__proto__":{}}`,
    `{"ct":"${ct}","constructor":"x"}`,
    `{"t":"json","ct":"${ct}"}`,
    `{"t":"none","ct":"${ct}"}`,
    `{"t":"HTTP","ct":"${ct}"}`,
    `{"t":"","ct":"${ct}"}`,
    `{"t":null,"ct":"${ct}"}`,
    `{"t":1,"ct":"${ct}"}`,
    `{"t":["http"],"ct":"${ct}"}`,
    `{"t":"http","t":"http","ct":"${ct}"}`,
    `{"c\\u0074":"${ct}"}`,
    `{"ct":"${ct.replaceAll('/', '\\/')}\\u003d"}`,
    `\ufeff{"ct":"${ct}"}`,
    `{"ct":"${ct}"}x`,
    `{"ct":"${ct}"}{}`,
    `{"ct":"${ct}"}\0`,
    `{"ct":"${ct}"`,
    `{"ct":"${ct}`,
    `{"ct":"${ct}}`,
    `{"ct":"${ct.slice(0, -1)}"}`,
    `{"ct":"${ct}="}`,
    `{"ct":" ${ct}"}`,
    `{"ct":"${ct.slice(0, 8)} ${ct.slice(8)}"}`,
    `{"ct":"${ct.slice(0, 8)}\\n${ct.slice(8)}"}`,
    `{"ct":"${ct.slice(0, 8)}\n${ct.slice(8)}"}`,
    `{"ct":"${ct.replace(/^./, '-')}"}`,
    `{"ct":"${ct.replace(/^./, '_')}"}`,
    `{"ct":"${ct.replace(/^./, '\u00e9')}"}`,
    `{"ct":"${ct.slice(0, -2)}${ct.at(-2) === 'A' ? 'B' : 'A'}="}x`,
    `{"ct":"${base64Encode(BOX).slice(0, 20)}"}`,
  ];

  it.each(unreadable(CT))('is not read from %j', (body) => {
    expect(readRequestEnvelope('json', ascii(body), N)).toBeUndefined();
  });

  it('is not read with non-zero trailing bits, in either way of reading', () => {
    // 32 bytes end in a quantum of two bytes: of the 4 spellings of its last symbol one is right.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const symbol = alphabet.indexOf(CT.at(-2) ?? '');
    for (let bits = 1; bits < 4; bits++) {
      const ct = `${CT.slice(0, -2)}${alphabet[symbol + bits]}=`;
      expect(readRequestEnvelope('json', ascii(`{"ct":"${ct}"}`), N)).toBeUndefined();
      expect(readRequestEnvelope('json', ascii(` {"ct":"${ct}"}`), N)).toBeUndefined();
    }
  });

  it('is not read as an error, which only a server writes', () => {
    expect(readRequestEnvelope('json', ascii(`{"t":"error","ct":"${CT}"}`), N)).toBeUndefined();
    expect(readRequestEnvelope('json', ascii(`{"ct":"${CT}","t":"error"}`), N)).toBeUndefined();
  });

  it.each([base64Encode(named('other').slice(0, 12)), '', `${N} `, `${N}=`, N.slice(1), '__proto__'])(
    "is not read with the nonce %j, which is not the header's",
    (n) => {
      expect(readRequestEnvelope('json', ascii(`{"n":"${n}","ct":"${CT}"}`), N)).toBeUndefined();
      expect(readRequestEnvelope('json', ascii(`{"ct":"${CT}","n":"${n}"}`), N)).toBeUndefined();
    },
  );

  it('is not read with a nonce of another type', () => {
    for (const n of ['null', '1', '{}', '[]', `["${N}"]`]) {
      expect(readRequestEnvelope('json', ascii(`{"ct":"${CT}","n":${n}}`), N)).toBeUndefined();
    }
  });

  it('is not read with a box shorter than a tag', () => {
    for (let length = 0; length < 16; length++) {
      const box = new Uint8Array(length);
      for (const encoding of ENCODINGS) {
        const body = writeRequestEnvelope(encoding, 'http', [box]);
        expect(readRequestEnvelope(encoding, body, N)).toBeUndefined();
      }
      expect(readRequestEnvelope('json', ascii(` {"ct":"${base64Encode(box)}"}`), N)).toBeUndefined();
    }
    for (const encoding of ENCODINGS) {
      const body = writeRequestEnvelope(encoding, 'http', [new Uint8Array(16)]);
      expect(readRequestEnvelope(encoding, body, N)?.box.length).toBe(16);
    }
  });

  it('takes nothing from a polluted Object.prototype', async () => {
    await polluted({ ct: CT, t: 'http', n: 'x' }, () => {
      expect(readRequestEnvelope('json', ascii('{}'), N)).toBeUndefined();
      expect(readRequestEnvelope('json', ascii(` {"ct":"${CT}"}`), N)?.kind).toBe('json');
    });
  });
});

describe('a response envelope', () => {
  it('is written in one form', () => {
    const write = (encoding: Encoding, kind: 'json' | 'http' | 'error'): Bytes =>
      writeResponseEnvelope(encoding, kind, NONCE, [BOX]);
    expect(text(write('json', 'json'))).toBe(`{"n":"${N}","ct":"${CT}"}`);
    expect(text(write('json', 'http'))).toBe(`{"t":"http","n":"${N}","ct":"${CT}"}`);
    expect(text(write('json', 'error'))).toBe(`{"t":"error","n":"${N}","ct":"${CT}"}`);
    expect(hex(write('octets', 'http'))).toBe(`00${hex(NONCE)}${hex(BOX)}`);
    expect(hex(write('octets', 'error'))).toBe(`02${hex(NONCE)}${hex(BOX)}`);
  });

  it.each([
    [`{"n":"${N}","ct":"${CT}"}`, 'json'],
    [`{"ct":"${CT}","n":"${N}"}`, 'json'],
    [`{"t":"http","n":"${N}","ct":"${CT}"}`, 'http'],
    [`{"t":"error","n":"${N}","ct":"${CT}"}`, 'error'],
    [`{"ct":"${CT}","t":"error","n":"${N}"}`, 'error'],
    [`\n{ "n" : "${N}" , "t" : "http" , "ct" : "${CT}" }\n`, 'http'],
  ])('is read from %s', (body, kind) => {
    const envelope = readResponseEnvelope('json', ascii(body));
    expect(envelope?.kind).toBe(kind);
    expectBytes(envelope?.box, BOX);
    expectBytes(envelope?.nonce, NONCE);
  });

  it.each([
    `{"ct":"${CT}"}`,
    `{"n":"${N}"}`,
    `{"n":null,"ct":"${CT}"}`,
    `{"n":1,"ct":"${CT}"}`,
    `{"n":"","ct":"${CT}"}`,
    `{"n":"${N.slice(0, 12)}","ct":"${CT}"}`,
    `{"n":"${N}AAAA","ct":"${CT}"}`,
    `{"n":"${N.slice(0, -1)}=","ct":"${CT}"}`,
    `{"n":"${N.replace(/^./, '-')}","ct":"${CT}"}`,
    `{"n":"${N}","n":"${N}","ct":"${CT}"}`,
    `{"n":"${N}","ct":"${CT}","ct":"${CT}"}`,
    `{"n":"${N}","ct":"${CT}","x":""}`,
    `{"t":"none","n":"${N}","ct":"${CT}"}`,
    `{"t":"stream","n":"${N}","ct":"${CT}"}`,
    `{"n":"${N}","ct":"${CT}"} x`,
    '{"result":{"data":1}}',
    '<html></html>',
    '',
  ])('is not read from %s', (body) => {
    expect(readResponseEnvelope('json', ascii(body))).toBeUndefined();
  });

  it('is not read from octets that are something else', () => {
    const good = writeResponseEnvelope('octets', 'http', NONCE, [BOX]);
    for (let type = 0; type < 256; type++) {
      const kind = readResponseEnvelope('octets', good.with(0, type))?.kind;
      expect(kind).toBe(type === 0 ? 'http' : type === 2 ? 'error' : undefined);
    }
    for (let length = 0; length < 1 + 12 + 16; length++) {
      expect(readResponseEnvelope('octets', good.subarray(0, length))).toBeUndefined();
    }
  });

  it('in one encoding is not read in the other', () => {
    for (const kind of ['http', 'error'] as const) {
      expect(
        readResponseEnvelope('octets', writeResponseEnvelope('json', kind, NONCE, [BOX])),
      ).toBeUndefined();
      expect(
        readResponseEnvelope('json', writeResponseEnvelope('octets', kind, NONCE, [BOX])),
      ).toBeUndefined();
    }
  });
});

describe('envelopes', () => {
  const kinds = fc.constantFrom<['json' | 'octets', 'json' | 'http']>(
    ['json', 'json'],
    ['json', 'http'],
    ['octets', 'http'],
  );

  it('come out as they went in, however the box is cut, read in either way', () => {
    const pieces = fc.array(bytesUpTo(200), { maxLength: 5 });
    fc.assert(
      fc.property(kinds, bytesOf(16), pieces, bytesOf(12), ([encoding, kind], tag, list, nonce) => {
        const box = [...list, tag];
        const n = base64Encode(nonce);
        const request = writeRequestEnvelope(encoding, kind, box);
        const response = writeResponseEnvelope(encoding, kind, nonce, box);
        // A leading space takes the way of JSON.parse.
        const space = ascii(' ');
        const both = (bytes: Bytes): Bytes[] =>
          encoding === 'json' ? [bytes, concatBytes([space, bytes])] : [bytes];
        for (const body of both(request)) {
          const read = readRequestEnvelope(encoding, body, n);
          expect([read?.kind, hex(read?.box ?? tag)]).toEqual([kind, hex(concatBytes(box))]);
        }
        for (const body of both(response)) {
          const read = readResponseEnvelope(encoding, body);
          expect([read?.kind, hex(read?.box ?? tag)]).toEqual([kind, hex(concatBytes(box))]);
          expect(hex(read?.nonce ?? tag)).toBe(hex(nonce));
        }
      }),
    );
  });

  const borders = [49_152, 98_304, 1_048_576].flatMap((size) => [-2, -1, 0, 1, 2].map((by) => size + by));
  it.each(borders)('of %i bytes come out as they went in', (length) => {
    const box = patterned(length);
    const cuts = [
      [box],
      [box.subarray(0, length - 16), box.subarray(length - 16)],
      [box.subarray(0, 1), box.subarray(1)],
    ];
    for (const pieces of LONG ? cuts : cuts.slice(1, 2)) {
      const request = writeRequestEnvelope('json', 'http', pieces);
      expectBytes(readRequestEnvelope('json', request, N)?.box, box);
      expectBytes(readRequestEnvelope('json', concatBytes([ascii(' '), request]), N)?.box, box);
      expectBytes(
        readResponseEnvelope('json', writeResponseEnvelope('json', 'json', NONCE, pieces))?.box,
        box,
      );
      expectBytes(
        readResponseEnvelope('octets', writeResponseEnvelope('octets', 'http', NONCE, pieces))?.box,
        box,
      );
    }
  });

  it('with one wrong character anywhere in a long box are refused, in either way of reading', () => {
    const body = writeRequestEnvelope('json', 'http', [patterned(100_000)]);
    for (const at of [18, 19, 65_553, 65_554, 65_555, 65_556, 131_089, 131_090, 131_091, body.length - 4]) {
      for (const character of [0x20, 0x0a, 0x2d, 0x5f, 0x3d, 0x22, 0x5c, 0x00, 0xe9]) {
        if (body[at] === character) continue;
        const altered = body.with(at, character);
        expect(readRequestEnvelope('json', altered, N), `${at} ${character}`).toBeUndefined();
        expect(readRequestEnvelope('json', concatBytes([ascii(' '), altered]), N)).toBeUndefined();
      }
    }
  });
});
