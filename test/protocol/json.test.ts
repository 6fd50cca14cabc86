/** JSON from the network, read strictly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { hasFields, isBoundedJson, parseMessage, toObject } from '../../src/protocol/json.ts';
import { ascii, bytesUpTo, json, LONG, polluted } from './support.ts';

/** Code that is instrumented for mutants takes longer. */
const SLOWER = process.env.NEN_MUTATION_ROOM === undefined ? 1 : 50;

/** The least of five times: a busy machine only adds to it. */
function tookMs(run: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    run();
    return performance.now() - started;
  });
  return Math.min(...times);
}

describe('a message', () => {
  it('is an object, with one object and one array inside at most', () => {
    expect(parseMessage(ascii('{"v":2,"a":"b"}'))).toEqual({ v: 2, a: 'b' });
    expect(parseMessage(ascii(' { "a" : { "b" : "c" } , "n" : -1.5e3 } \n'))).toEqual({
      a: { b: 'c' },
      n: -1500,
    });
    expect(parseMessage(ascii('{}'))).toEqual({});
    expect(parseMessage(ascii('{"a":{"b":[]}}'))).toEqual({ a: { b: [] } });
    expect(parseMessage(ascii('{"aud":"http://[::1]:3000"}'))).toEqual({ aud: 'http://[::1]:3000' });
    expect(parseMessage(json({ text: 'caf\u00e9 \u20ac \ud83d\ude00' }))).toEqual({
      text: 'caf\u00e9 \u20ac \ud83d\ude00',
    });
  });

  it.each([
    '',
    ' ',
    'null',
    'true',
    '1',
    '"x"',
    '[]',
    '[{}]',
    '{',
    '}',
    '{}{}',
    '{} x',
    '{},',
    '{}\0',
    'x{}',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '{"a":01}',
    '{"a":NaN}',
    '{"a":"b}',
    '{"a":"b\n"}',
    '{"a":{"b":{"c":1}}}',
    '{"a":["b"]}',
    '{"a":[],"b":[]}',
    '{"a":{"b":[{}]}}',
    '{"a":[["b"]]}',
    '{"a":[{"b":"c"}]}',
    '{"\\u0061":1}',
    '{"a":"\\/"}',
    '\ufeff{}',
    '// {}\n{}',
  ])('is not %j', (source) => {
    expect(parseMessage(ascii(source))).toBeUndefined();
  });

  it.each([
    '{"a":1,"a":1}',
    '{"a":"x","a":"x"}',
    '{"a":"x","b":1,"a":"y"}',
    '{"a":{"b":1,"b":2}}',
    '{"a":{"b":"x"},"a":"y"}',
    '{"a":"y","a":{"b":"x"}}',
    '{"a":{"b":"x"},"a":{"b":"x"}}',
    '{"a":1,"a":null}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
  ])('is not %j, which names something twice', (source) => {
    expect(parseMessage(ascii(source))).toBeUndefined();
  });

  it('is not anything that is not well-formed UTF-8', () => {
    for (const bad of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]]) {
      expect(parseMessage(concatBytes([ascii('{"a":"'), Uint8Array.from(bad), ascii('"}')]))).toBeUndefined();
    }
    expect(parseMessage(Uint8Array.from(Buffer.from('{"a":1}', 'utf16le')))).toBeUndefined();
  });

  it('has no prototype, so __proto__ and constructor are names like any other', () => {
    const message = parseMessage(ascii('{"__proto__":{"polluted":1},"constructor":2}'));
    expect(Object.getPrototypeOf(message)).toBeNull();
    expect(Object.keys(message ?? {})).toEqual(['__proto__', 'constructor']);
    expect(message?.polluted).toBeUndefined();
    expect(message?.toString).toBeUndefined();
    const deep = parseMessage(ascii('{"constructor":{"prototype":"x"}}'));
    expect(deep && hasFields(deep, ['constructor'])).toBe(true);
    expect({}).not.toHaveProperty('polluted');
  });

  it('has nothing of a polluted Object.prototype', async () => {
    await polluted({ ct: 'x', n: 'y' }, () => {
      const message = parseMessage(ascii('{"a":{"b":1}}'));
      expect(message?.ct).toBeUndefined();
      expect(message && hasFields(message, ['ct'])).toBe(false);
      expect(message && hasFields(message, ['a'])).toBe(true);
      expect(toObject(message?.a)?.n).toBeUndefined();
    });
  });

  it('is refused quickly where it would be slow to parse: nesting, a crowd of names, quotes, braces', () => {
    const size = 8 * 1024 * 1024;
    const names = `{${Array.from({ length: 500_000 }, (_, i) => `"${i.toString(36)}":1`).join(',')}}`;
    const attacks: [string, Bytes][] = [
      ['objects', ascii('{"a":'.repeat(1_000_000))],
      ['arrays', ascii('['.repeat(1_000_000))],
      ['arrays in an object', ascii(`{"a":${'['.repeat(1_000_000)}`)],
      ['names', ascii(names)],
      ['braces', new Uint8Array(size).fill(0x7b)],
      ['brackets', new Uint8Array(size).fill(0x5b)],
      ['quotes', new Uint8Array(size).fill(0x22)],
      ['backslashes', new Uint8Array(size).fill(0x5c)],
    ];
    for (const [what, bytes] of attacks) {
      expect(parseMessage(bytes), what).toBeUndefined();
      // JSON.parse takes 225 ms for a million brackets.
      expect(
        tookMs(() => parseMessage(bytes)),
        what,
      ).toBeLessThan(150 * SLOWER);
    }
  });

  it('is read or refused, never thrown at, whatever the bytes', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '"',
      ':',
      ',',
      '[',
      ']',
      '\\',
      'a',
      '1',
      'null',
      '"a"',
      '"b"',
      ' ',
      '\u00e9',
      '\0',
    );
    const run = { numRuns: LONG ? 50_000 : 2000 };
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (list) => {
        const source = list.join('');
        const message = parseMessage(ascii(source));
        if (message !== undefined) expect({ ...message }).toEqual(JSON.parse(source));
      }),
      run,
    );
    fc.assert(
      fc.property(bytesUpTo(40), (bytes) => {
        parseMessage(bytes);
      }),
      run,
    );
  });
});

describe('the fields of a message', () => {
  it('are exactly the required ones, and maybe the optional ones', () => {
    const message = { a: 1, b: 2 };
    expect(hasFields(message, ['a', 'b'])).toBe(true);
    expect(hasFields(message, ['b', 'a'])).toBe(true);
    expect(hasFields(message, ['a'], ['b', 'c'])).toBe(true);
    expect(hasFields(message, ['a'])).toBe(false);
    expect(hasFields(message, ['a', 'b', 'c'])).toBe(false);
    expect(hasFields({}, [])).toBe(true);
  });
});

describe('toObject', () => {
  it.each([null, undefined, 1, 'x', true, [], [{}]])('is undefined for %j', (value) => {
    expect(toObject(value)).toBeUndefined();
  });
});

describe("an application's JSON", () => {
  it.each(['null', '1', '"x"', '[]', '{}', ' {"a":[1,"}{][",{"b":"\\""}]} ', '"\\\\"', '{"a":1,"a":2}'])(
    'is %s',
    (source) => {
      expect(isBoundedJson(ascii(source))).toBe(true);
    },
  );

  it.each(['', ' ', '{', '{"a":}', '{}x', '\ufeff{}', 'undefined', '"\\"', '}{', ']['])(
    'is not %j',
    (source) => {
      expect(isBoundedJson(ascii(source))).toBe(false);
    },
  );

  it('is not anything that is not well-formed UTF-8', () => {
    expect(isBoundedJson(Uint8Array.of(0x22, 0xff, 0x22))).toBe(false);
  });

  it('nests 64 deep at most', () => {
    const nested = (depth: number): Bytes => ascii(`${'['.repeat(depth)}${']'.repeat(depth)}`);
    const objects = (depth: number): Bytes => ascii(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
    expect(isBoundedJson(nested(64))).toBe(true);
    expect(isBoundedJson(nested(65))).toBe(false);
    expect(isBoundedJson(objects(64))).toBe(true);
    expect(isBoundedJson(objects(65))).toBe(false);
    expect(isBoundedJson(ascii(`[${'[],'.repeat(1000)}[]]`))).toBe(true);
    expect(isBoundedJson(ascii(`["${'['.repeat(1000)}"]`))).toBe(true);
    const deep = ascii('['.repeat(100_000));
    expect(isBoundedJson(deep)).toBe(false);
    expect(tookMs(() => isBoundedJson(deep))).toBeLessThan(50 * SLOWER);
  });

  it('nests 64 deep at most, wherever a string before ends: after escapes, quotes among them, of any length', () => {
    const behind = (text: string, depth: number): Bytes =>
      ascii(`["${text}",${'['.repeat(depth)}${']'.repeat(depth)}]`);
    for (let length = 0; length < 100; length++) {
      for (const end of ['', '\\"', '\\\\', '\\\\\\"', '\\\\\\\\', '\\"[[', '\\\\\\"]]x']) {
        const text = `${'x'.repeat(length)}${end}`;
        expect([text, isBoundedJson(behind(text, 63))]).toEqual([text, true]);
        expect([text, isBoundedJson(behind(text, 64))]).toEqual([text, false]);
      }
    }
  });

  it('takes the time of its length where strings are nothing but escapes', () => {
    for (const escaped of ['\\"', '\\\\', `${'x'.repeat(40)}\\"`]) {
      const text = ascii(`"${escaped.repeat(2_000_000 / escaped.length)}"`);
      expect(isBoundedJson(text)).toBe(true);
      expect(tookMs(() => isBoundedJson(text))).toBeLessThan(500 * SLOWER);
    }
  });

  it('has 100 000 names at most', () => {
    const names = (count: number): Bytes =>
      ascii(`[${Array.from({ length: count }, () => '{"a":1}').join(',')}]`);
    expect(isBoundedJson(names(100_000))).toBe(true);
    expect(isBoundedJson(names(100_001))).toBe(false);
    expect(isBoundedJson(ascii(`"${':'.repeat(200_000)}"`))).toBe(true);
  });

  it('is what JSON.parse takes, within the limits', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => isBoundedJson(json(value))));
  });
});
