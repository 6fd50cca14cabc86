/** The framing of everything that is hashed, derived from or authenticated. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { input, lp, u32 } from '../../src/protocol/input.ts';
import { bytesUpTo, hex, unhex } from './support.ts';

describe('input', () => {
  it('puts the u32 length before the label and before each field', () => {
    expect(hex(input('nen/2 test'))).toBe('0000000a6e656e2f322074657374');
    expect(hex(input('l', 'ab', unhex('00ff'), ''))).toBe(
      '000000016c00000002616200000002 00ff00000000'.replaceAll(' ', ''),
    );
  });

  it('writes big-endian lengths of every size', () => {
    const written = [0, 1, 255, 256, 65_535, 65_536, 16_777_216, 2 ** 32 - 1].map((n) =>
      hex(latin1ToBytes(u32(n))),
    );
    expect(written).toEqual([
      '00000000',
      '00000001',
      '000000ff',
      '00000100',
      '0000ffff',
      '00010000',
      '01000000',
      'ffffffff',
    ]);
  });

  it('takes text and bytes alike', () => {
    expect(lp('\x00\xff')).toBe(lp(unhex('00ff')));
    expect(hex(input('l', 'x'.repeat(300)))).toBe(`000000016c0000012c${'78'.repeat(300)}`);
  });

  it('refuses text that would lose bits, instead of hashing something else', () => {
    expect(() => input('l', '\u0100')).toThrow(RangeError);
    expect(() => input('l', '\ud83d\ude00')).toThrow(RangeError);
  });

  it('never gives two lists of fields the same bytes', () => {
    const fields = fc.array(bytesUpTo(6), { maxLength: 5 });
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const same = a.length === b.length && a.every((field, i) => hex(field) === hex(b[i] ?? unhex('')));
        expect(hex(input('l', ...a)) === hex(input('l', ...b))).toBe(same);
      }),
    );
    // Moving a byte, a field or the label into its neighbour.
    const moved = [
      input('l', 'ab', 'c'),
      input('l', 'a', 'bc'),
      input('l', 'abc'),
      input('la', 'b', 'c'),
      input('l', 'ab', 'c', ''),
    ];
    expect(new Set(moved.map(hex)).size).toBe(moved.length);
  });

  it('can be taken apart again', () => {
    fc.assert(
      fc.property(fc.array(bytesUpTo(40), { maxLength: 6 }), (fields) => {
        const bytes = input('label', ...fields);
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const parts: string[] = [];
        for (let at = 0; at < bytes.length; ) {
          const end = at + 4 + view.getUint32(at);
          parts.push(bytesToLatin1(bytes, at + 4, end));
          at = end;
        }
        expect(parts).toEqual(['label', ...fields.map((field) => bytesToLatin1(field))]);
      }),
    );
  });
});
