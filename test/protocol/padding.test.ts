/** Size classes, and what stands in a padded record: one meaning for each plaintext, none for a malformed one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { MAX_RECORD_BYTES } from '../../src/protocol/constants.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/http.ts';
import {
  contentOf,
  decodePadded,
  encodePadded,
  MAX_PADDED_CONTENT_BYTES,
  type Padding,
  paddedLength,
  padHead,
  padMessage,
  readPadding,
} from '../../src/protocol/padding.ts';
import { ascii, bytesUpTo, expectBytes, hex, patterned, unhex } from './support.ts';

const EMPTY: Bytes = new Uint8Array(0);
const blocks = fc.integer({ min: 1, max: MAX_RECORD_BYTES }).map((blockBytes) => ({ blockBytes }));
const paddings: fc.Arbitrary<Padding> = fc.oneof(
  fc.constant('none' as const),
  fc.constant('padme' as const),
  blocks,
);

/** Padmé as the paper writes it, in bits. */
function padmeOfThePaper(length: number): number {
  const e = BigInt(length.toString(2).length - 1);
  const s = BigInt(e.toString(2).length);
  const mask = (1n << (e > s ? e - s : 0n)) - 1n;
  return Number((BigInt(length) + mask) & ~mask);
}

describe('the length of a class', () => {
  it('is a multiple of the block, and no more than one block away', () => {
    const cases = [0, 1, 255, 256, 257, 511, 512, 513].map((n) => paddedLength(n, { blockBytes: 256 }));
    expect(cases).toEqual([0, 256, 256, 256, 512, 512, 512, 768]);
    fc.assert(
      fc.property(fc.nat(2 ** 24), blocks, (length, padding) => {
        const padded = paddedLength(length, padding);
        expect(padded % padding.blockBytes).toBe(0);
        expect(padded - length).toBeGreaterThanOrEqual(0);
        expect(padded - length).toBeLessThan(padding.blockBytes);
      }),
    );
  });

  it('is that of Padmé, around every power of two and anywhere', () => {
    for (let bits = 0; bits <= 30; bits++) {
      for (const length of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1].filter((n) => n > 0))
        expect(paddedLength(length, 'padme'), String(length)).toBe(padmeOfThePaper(length));
    }
    expect(paddedLength(0, 'padme')).toBe(0);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (length) => {
        const padded = paddedLength(length, 'padme');
        expect(padded).toBe(padmeOfThePaper(length));
        expect(padded / length).toBeLessThan(1.12);
      }),
    );
    expect([9, 100, 1000, 100_000].map((n) => paddedLength(n, 'padme'))).toEqual([10, 104, 1024, 100_352]);
  });

  it('is its own class, and grows with the length', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 24), fc.nat(1000), paddings, (length, more, padding) => {
        const padded = paddedLength(length, padding);
        expect(paddedLength(padded, padding)).toBe(padded);
        expect(paddedLength(length + more, padding)).toBeGreaterThanOrEqual(padded);
      }),
    );
  });
});

describe('a padded record', () => {
  it('is LP(content) and zeros', () => {
    expect(hex(concatBytes(encodePadded(ascii('abc'), { blockBytes: 12 })))).toBe('000000036162630000000000');
    expect(hex(concatBytes(encodePadded(EMPTY, { blockBytes: 8 })))).toBe('0000000000000000');
    expect(hex(concatBytes(encodePadded(ascii('abcd'), { blockBytes: 8 })))).toBe('0000000461626364');
  });

  it('gives its content back, and has the length of a class', () => {
    fc.assert(
      fc.property(bytesUpTo(2000), paddings, (content, padding) => {
        const plaintext = concatBytes(encodePadded(content, padding));
        expect(plaintext.length).toBe(Math.min(paddedLength(content.length + 4, padding), MAX_RECORD_BYTES));
        expectBytes(decodePadded(plaintext), content);
      }),
    );
  });

  it('never exceeds a record, whatever the class', () => {
    for (const padding of ['padme', { blockBytes: 65_535 }, { blockBytes: 50_000 }] as const) {
      const content = patterned(MAX_PADDED_CONTENT_BYTES);
      const plaintext = concatBytes(encodePadded(content, padding));
      expect(plaintext.length).toBe(MAX_RECORD_BYTES);
      expectBytes(decodePadded(plaintext), content);
    }
  });

  it('has one spelling: a length that says too much, or a byte other than zero, is malformed', () => {
    const good = concatBytes(encodePadded(ascii('abc'), { blockBytes: 12 }));
    for (let bytes = 0; bytes < 7; bytes++) expect(decodePadded(good.subarray(0, bytes))).toBeUndefined();
    for (let at = 7; at < good.length; at++) {
      for (const byte of [1, 0x80, 0xff]) expect(decodePadded(good.with(at, byte))).toBeUndefined();
    }
    for (const length of ['00000009', '0000000d', '7fffffff', '80000000', 'ffffffff'])
      expect(decodePadded(unhex(`${length}6162630000000000`)), length).toBeUndefined();
    // A length that says too little leaves content where zeros must be.
    for (const length of [0, 1, 2]) expect(decodePadded(good.with(3, length))).toBeUndefined();
  });

  it('is full with so much content', () => {
    expect([0, 3, 4, 5, 256].map(contentOf)).toEqual([0, 0, 0, 1, 252]);
  });
});

describe('an HTTP message', () => {
  const fields = [['x-a', 'b']] as const;

  it('means the same with padding, and has the length of a class', () => {
    fc.assert(
      fc.property(bytesUpTo(2000), paddings, (body, padding) => {
        const request = { method: 'POST', path: '/api/x?y', fields, body };
        const response = { status: 201, fields, body };
        const pieces = [encodeRequest(request), encodeResponse(response)] as const;
        const [paddedRequest, paddedResponse] = pieces.map((one) => concatBytes(padMessage(one, padding)));
        expect(decodeRequest(paddedRequest ?? EMPTY)).toEqual(request);
        expect(decodeResponse(paddedResponse ?? EMPTY)).toEqual(response);
        expect(paddedRequest?.length).toBe(paddedLength(concatBytes(pieces[0]).length, padding));
      }),
    );
  });

  it('in the head of a stream stays within a record', () => {
    const head = encodeResponse({ status: 200, fields: [['x', 'y'.repeat(65_000)]], body: EMPTY });
    expect(concatBytes(padHead(head, { blockBytes: 60_000 })).length).toBe(MAX_RECORD_BYTES);
    expect(concatBytes(padHead(head, 'none')).length).toBe(concatBytes(head).length);
  });
});

describe('what an application configures', () => {
  it('may be the smallest and the largest block', () => {
    for (const blockBytes of [1, 65_536]) expect(readPadding({ blockBytes })).toEqual({ blockBytes });
  });

  it('is taken as it is at that time', () => {
    const given = { blockBytes: 256 };
    const read = readPadding(given);
    given.blockBytes = 0;
    expect(read).toEqual({ blockBytes: 256 });
    expect(['none', 'padme', undefined].map((padding) => readPadding(padding as Padding))).toEqual([
      'none',
      'padme',
      undefined,
    ]);
  });

  it.each([
    null,
    '',
    'pad',
    256,
    {},
    { blockBytes: 0 },
    { blockBytes: -1 },
    { blockBytes: 1.5 },
    { blockBytes: 65_537 },
    { blockBytes: '256' },
    { blockBytes: Number.NaN },
  ])('is a TypeError if it is %j', (padding) => {
    const read = (): unknown => readPadding(padding as Padding);
    expect(read).toThrow(TypeError);
    expect(read).toThrow("padding: 'none', 'padme', or { blockBytes } of 1 to 65536");
  });
});
