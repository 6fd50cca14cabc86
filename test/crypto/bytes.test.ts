/** Joining, comparing, wiping, latin1 and UTF-8. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bytes,
  bytesToLatin1,
  bytesToUtf8,
  concatBytes,
  equalBytes,
  latin1ToBytes,
  publicLatin1ToBytes,
  utf8ToBytes,
  viewOf,
  wipe,
} from '../../src/crypto/bytes.ts';
import { atobCodec, bufferCodec, nativeCodec } from '../../src/crypto/codec.ts';
import { standInBase64 } from './stand-in-base64.ts';

const anyBytes: fc.Arbitrary<Bytes> = fc
  .uint8Array({ maxLength: 100 })
  .map((array) => Uint8Array.from(array));

describe('bytes', () => {
  it('concatBytes joins into a buffer of its own', () => {
    fc.assert(
      fc.property(fc.array(anyBytes), (pieces) => {
        expect(Buffer.from(concatBytes(pieces))).toEqual(Buffer.concat(pieces));
      }),
    );
    const piece = Uint8Array.of(1, 2, 3);
    const joined = concatBytes([piece]);
    piece.fill(0);
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('equalBytes sees one different bit, anywhere', () => {
    const a = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(equalBytes(a, a.slice())).toBe(true);
    for (let bit = 0; bit < 256; bit++) {
      const b = a.slice();
      b[bit >> 3] = (b[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(equalBytes(a, b)).toBe(false);
    }
  });

  it('equalBytes says false, and does not throw, for another length', () => {
    const a = new Uint8Array(32);
    for (const length of [0, 1, 31, 33, 64]) expect(equalBytes(a, new Uint8Array(length))).toBe(false);
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  });

  it('wipe zeroes every buffer, and no more than a view shows', () => {
    const memory = new Uint8Array(8).fill(7);
    const other = new Uint8Array(3).fill(7);
    wipe(memory.subarray(2, 4), other);
    expect([...memory, ...other]).toEqual([7, 7, 0, 0, 7, 7, 7, 7, 0, 0, 0]);
  });

  it('viewOf shows a Buffer as a plain Uint8Array on the same memory', () => {
    const buffer = Buffer.from('hello');
    const view = viewOf(buffer);
    expect(view.constructor).toBe(Uint8Array);
    expect(bytesToUtf8(view)).toBe('hello');
    buffer[0] = 0x4a;
    expect(bytesToUtf8(view)).toBe('Jello');
  });
});

describe('latin1', () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = String.fromCharCode(...all);

  it('spells each byte as one code unit, 0x80 to 0x9f included, and back', () => {
    expect(bytesToLatin1(all)).toBe(text);
    expect(latin1ToBytes(text)).toEqual(all);
    expect(latin1ToBytes('')).toEqual(new Uint8Array(0));
    expect(publicLatin1ToBytes(text)).toEqual(all);
    expect(publicLatin1ToBytes(text).constructor).toBe(Uint8Array);
    expect(bytesToLatin1(all, 65, 70)).toBe('ABCDE');
    expect(bytesToLatin1(all, 250)).toBe(text.slice(250));
    expect(bytesToLatin1(all.subarray(65, 70), 1, 3)).toBe('BC');
  });

  it('refuses a code unit above 255 instead of cutting it to its lower byte', () => {
    for (const refused of ['\u0100', 'a\u0141', '\uffff', '\u{1f600}', `${'a'.repeat(5000)}\u0141`]) {
      for (const spell of [latin1ToBytes, publicLatin1ToBytes])
        expect(() => spell(refused)).toThrow(new RangeError('the text has a character outside latin1'));
    }
  });

  it.each([bufferCodec(Buffer), nativeCodec(standInBase64), atobCodec()])('is the same by $name', (codec) => {
    const long = Uint8Array.from({ length: 20_001 }, (_, i) => i * 7);
    expect(codec.latin1(long, 0, long.length) === Buffer.from(long).toString('latin1')).toBe(true);
    expect(
      codec.latin1(long, 8000, 17_000) === Buffer.from(long.subarray(8000, 17_000)).toString('latin1'),
    ).toBe(true);
    const target = new Uint8Array(258);
    codec.writeLatin1(target, 1, text);
    expect([...target]).toEqual([0, ...all, 0]);
    expect(codec.fromLatin1(text)).toEqual(all);
    codec.writeAscii(target, 0, 'abc');
    expect(codec.ascii(target, 0, 3)).toBe('abc');
    expect([...target.subarray(3)]).toEqual([...all.subarray(2), 0]);
  });
});

/** Any code points but lone surrogates. (fast-check's own takes a second to set up.) */
const wellFormed: fc.Arbitrary<string> = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }))
  .map((points) => String.fromCodePoint(...points))
  .filter((text) => !/[\ud800-\udfff]/u.test(text));

describe('UTF-8', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(bytesToUtf8(utf8ToBytes(text))).toBe(text);
        expect(Buffer.from(utf8ToBytes(text))).toEqual(Buffer.from(text));
      }),
    );
    expect([...utf8ToBytes('\ud800')]).toEqual([0xef, 0xbf, 0xbd]);
  });

  it('keeps a byte order mark, so that a parser refuses it', () => {
    const marked = bytesToUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
    expect(marked).toBe('\ufeff{}');
    expect(() => JSON.parse(marked)).toThrow(SyntaxError);
  });

  it('refuses malformed bytes, each time anew, and still decodes the next', () => {
    const malformed = [
      [0x80],
      [0xc3],
      [0xc0, 0x80],
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff],
      [0x61, 0xe2, 0x82],
    ];
    for (const bytes of malformed) {
      expect(() => bytesToUtf8(Uint8Array.from(bytes))).toThrow(TypeError);
      expect(bytesToUtf8(Uint8Array.of(0x61))).toBe('a');
    }
  });
});
