/** JSON lines: items come out as they went in, wherever the chunks are cut, and every buffer has its limit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8ToBytes } from '../../src/crypto/bytes.ts';
import { MAX_ENVELOPE_BYTES } from '../../src/protocol/constants.ts';
import { NenError } from '../../src/protocol/errors.ts';
import { encodeJsonLine, JsonLineReader } from '../../src/protocol/json-lines.ts';

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return NenError.from(error)?.code;
  }
  return 'nothing failed';
}

describe('JSON lines', () => {
  it('give the items back, cut at every byte', () => {
    const items = [{ text: 'two\nlines' }, 'ümläut 🙂 \u2028', '', null, 0];
    const bytes = new Uint8Array(items.flatMap((item) => [...encodeJsonLine(item)]));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new JsonLineReader();
      const got = [...reader.push(bytes.slice(0, cut)), ...reader.push(bytes.slice(cut)), ...reader.end()];
      expect(got).toEqual(items);
    }
  });

  it('give any JSON value back, in chunks of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 9 }), (items, size) => {
        const bytes = new Uint8Array(items.flatMap((item) => [...encodeJsonLine(item)]));
        const reader = new JsonLineReader();
        const got: unknown[] = [];
        for (let at = 0; at < bytes.length; at += size) got.push(...reader.push(bytes.slice(at, at + size)));
        got.push(...reader.end());
        expect(got).toEqual(JSON.parse(JSON.stringify(items)));
      }),
    );
  });

  it('take blank lines, CRLF and a last line without an end from other writers', () => {
    const reader = new JsonLineReader();
    expect(reader.push(utf8ToBytes('1\r\n\r\n\n2\n3'))).toEqual([1, 2]);
    expect(reader.end()).toEqual([3]);
  });

  it.each([undefined, () => 1, Symbol('s')])('cannot say %s', (item) => {
    expect(() => encodeJsonLine(item)).toThrow(new TypeError('an item of a stream must be a JSON value'));
  });

  it('cannot say 1n', () => {
    expect(() => encodeJsonLine(1n)).toThrow(TypeError);
  });

  it('that are no JSON or no UTF-8 are ISO-4004', () => {
    expect(codeOf(() => new JsonLineReader().push(utf8ToBytes('{\n')))).toBe('ISO-4004');
    expect(codeOf(() => new JsonLineReader().push(new Uint8Array([0xff, 0x0a])))).toBe('ISO-4004');
    const inText = new Uint8Array([0x22, 0xff, 0x22, 0x0a]);
    expect(codeOf(() => new JsonLineReader().push(inText))).toBe('ISO-4004');
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, 0x31, 0x0a]);
    expect(codeOf(() => new JsonLineReader().push(marked))).toBe('ISO-4004');
    const reader = new JsonLineReader();
    reader.push(new Uint8Array([0xf0]));
    expect(codeOf(() => reader.end())).toBe('ISO-4004');
  });

  it('that are as long as an answer in one envelope are taken, and longer ones are ISO-6003', () => {
    const reader = new JsonLineReader();
    expect(reader.push(new Uint8Array(MAX_ENVELOPE_BYTES).fill(0x31))).toEqual([]);
    expect(codeOf(() => reader.push(new Uint8Array(1).fill(0x31)))).toBe('ISO-6003');
  });

  it('that never end are ISO-6003', () => {
    const reader = new JsonLineReader();
    const chunk = utf8ToBytes('x'.repeat(1 << 20));
    expect(
      codeOf(() => {
        for (let i = 0; i <= MAX_ENVELOPE_BYTES >> 20; i++) reader.push(chunk);
      }),
    ).toBe('ISO-6003');
  });
});
