/**
 * Canonical base64 (RFC 4648 sections 3.5, 4 and 5) by each of the three ways a platform may offer, all
 * on this runtime: one spelling for each byte string, whoever decodes it.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Base64, base64Over } from '../../src/crypto/base64.ts';
import {
  type Bytes,
  base64Decode,
  base64Encode,
  base64Length,
  base64UrlDecode,
  base64UrlEncode,
  readBase64,
  utf8ToBytes,
  writeBase64,
} from '../../src/crypto/bytes.ts';
import {
  atobCodec,
  bufferCodec,
  type Codec,
  nativeBase64,
  nativeCodec,
  platformCodec,
} from '../../src/crypto/codec.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { standInBase64 } from './stand-in-base64.ts';

const codecs: readonly Codec[] = [
  bufferCodec(Buffer),
  nativeCodec(nativeBase64() ?? standInBase64),
  atobCodec(),
];

const ascii = (text: string): Bytes => Uint8Array.from(text, (character) => character.charCodeAt(0));
const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
/** Buffer.compare, since printing the difference of two megabytes takes minutes. */
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0;
const anyBytes: fc.Arbitrary<Bytes> = fc
  .uint8Array({ maxLength: 200, size: 'max' })
  .map((a) => Uint8Array.from(a));

/** Decodes by both doors, which must always agree. */
function decodeBoth({ decode, read }: Base64, text: string): Bytes | undefined {
  const decoded = decode(text);
  if (!/[\u0100-\uffff]/.test(text)) {
    const source = ascii(`"${text}"`);
    expect(read(source, 1, source.length - 1)).toEqual(decoded);
  }
  return decoded;
}

/** A nonce with both characters that the URL alphabet has others for. */
const NONCE = 'Jv8+Uq/3mD0x/+Zk';
const NONCE_BYTES = Uint8Array.from(Buffer.from(NONCE, 'base64'));

const RESPELLINGS: readonly (readonly [move: string, text: string])[] = [
  ['the URL alphabet', NONCE.replaceAll('+', '-').replaceAll('/', '_')],
  ['one character of the URL alphabet', NONCE.replace('+', '-')],
  ['padding appended', `${NONCE}=`],
  ['a quantum of padding appended', `${NONCE}====`],
  ['a space before', ` ${NONCE}`],
  ['a space after', `${NONCE} `],
  ['a space inside', `${NONCE.slice(0, 8)} ${NONCE.slice(8)}`],
  ['four spaces inside, so that the length fits', `${NONCE.slice(0, 8)}    ${NONCE.slice(8)}`],
  ['a tab', `${NONCE}\t`],
  ['a line break', `${NONCE}\r\n`],
  ['an exclamation mark', `${NONCE}!`],
  ['a comma', `${NONCE},`],
  ['a trailing A', `${NONCE}A`],
  ['a NUL', `${NONCE}\0`],
  ['a no-break space', `${NONCE}\u00a0`],
];

describe.each(codecs)('base64 by $name', (codec) => {
  const base64 = base64Over(codec);

  it('gives the test vectors of RFC 4648 section 10, both ways', () => {
    const vectors = {
      '': '',
      f: 'Zg==',
      fo: 'Zm8=',
      foo: 'Zm9v',
      foob: 'Zm9vYg==',
      fooba: 'Zm9vYmE=',
      foobar: 'Zm9vYmFy',
    };
    for (const [text, encoded] of Object.entries(vectors)) {
      expect(base64.encode(utf8ToBytes(text))).toBe(encoded);
      expect(decodeBoth(base64, encoded)).toEqual(utf8ToBytes(text));
    }
  });

  it('decodes what it encodes, as Buffer does', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = base64.encode(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(text.length).toBe(base64Length(bytes.length));
        expect(decodeBoth(base64, text)).toEqual(bytes);
      }),
    );
  });

  it.each(RESPELLINGS)('refuses a nonce re-spelled with %s', (_move, text) => {
    expect(decodeBoth(base64, NONCE)).toEqual(NONCE_BYTES);
    expect(decodeBoth(base64, text)).toBeUndefined();
  });

  it('refuses every spelling with non-zero trailing bits: 15 of 16 for 16 bytes, 3 of 4 for 32', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    for (const [length, padding, spellings] of [
      [16, '==', 16],
      [32, '=', 4],
      [1, '==', 16],
      [2, '=', 4],
    ] as const) {
      const bytes = randomBytes(length);
      const text = base64.encode(bytes);
      const stem = text.slice(0, -1 - padding.length);
      const first = alphabet.indexOf(text[stem.length] ?? '');
      for (let i = 0; i < spellings; i++) {
        const spelling = stem + (alphabet[first + i] ?? '') + padding;
        expect(Buffer.from(spelling, 'base64')).toEqual(Buffer.from(bytes));
        expect(decodeBoth(base64, spelling)).toEqual(i === 0 ? bytes : undefined);
      }
    }
  });

  it('refuses missing, misplaced and too much padding', () => {
    const refused = [
      'Zg',
      'Zg=',
      'Zm8',
      'Z',
      'Zg===',
      'Zg====',
      'Z===',
      '=',
      '==',
      '===',
      '====',
      'Zg=A',
      '=Zg=',
      'Zm9=vYg=',
      'Zg==Zg==',
    ];
    for (const text of refused) expect(decodeBoth(base64, text)).toBeUndefined();
  });

  it('refuses every character outside the alphabet, at every place of a quantum', () => {
    for (let unit = 0; unit < 0x200; unit++) {
      const character = String.fromCharCode(unit);
      if (/[A-Za-z0-9+/]/.test(character)) continue;
      for (let at = 0; at < 8; at++) {
        // Only here the padding is where it belongs.
        if (character === '=' && at === 7) continue;
        const text = `${'ABCDABCD'.slice(0, at)}${character}${'ABCDABCD'.slice(at + 1)}`;
        expect(decodeBoth(base64, text)).toBeUndefined();
      }
    }
    // Characters whose lower byte is in the alphabet, which a careless decoder keeps.
    for (const text of ['\u0141BCD', 'ABC\uff21', '\u{1f441}CD', '\u2141\u2141\u2141\u2141']) {
      expect(decodeBoth(base64, text)).toBeUndefined();
    }
  });

  it('refuses byte sequences that UTF-8 decoders drop or merge', () => {
    for (const bytes of ['efbbbf', 'c3a9', 'e2808b', 'f09f9880', '00', '80', 'ff', 'c0']) {
      const strange = Buffer.from(bytes, 'hex').toString('latin1');
      for (const text of [
        strange,
        `${strange}A`,
        `${strange}AAAA`,
        `AAAA${strange}`,
        `AAAA${strange}A`,
        `AA${strange}AA`,
      ]) {
        for (let pad = 0; pad < 4; pad++) expect(decodeBoth(base64, text + 'A'.repeat(pad))).toBeUndefined();
      }
    }
  });

  it('accepts exactly what encodes to itself, of all texts near the truth', () => {
    const character = fc.constantFrom(...Array.from('AQgw+/9z=-_ \n!,\u0141'));
    const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));
    fc.assert(
      fc.property(text, (candidate) => {
        const decoded = decodeBoth(base64, candidate);
        const canonical = Buffer.from(candidate, 'base64').toString('base64') === candidate;
        expect(decoded !== undefined).toBe(canonical);
        if (decoded !== undefined) expect(base64.encode(decoded)).toBe(candidate);
      }),
      { numRuns: 2000 },
    );
  });

  it('writes the pieces as one, wherever they are cut and whatever their lengths', () => {
    fc.assert(
      fc.property(fc.array(anyBytes, { maxLength: 8 }), fc.nat(7), (pieces, offset) => {
        const text = Buffer.concat(pieces).toString('base64');
        const target = new Uint8Array(offset + text.length + 3).fill(0x23);
        expect(base64.write(target, offset, pieces)).toBe(offset + text.length);
        expect(asText(target)).toBe(`${'#'.repeat(offset)}${text}###`);
      }),
    );
    const bytes = randomBytes(50);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    const target = new Uint8Array(base64Length(50));
    base64.write(target, 0, single);
    expect(asText(target)).toBe(Buffer.from(bytes).toString('base64'));
  });

  it('writes nothing if there is no room', () => {
    const target = new Uint8Array(8).fill(0x23);
    const pieces = [new Uint8Array(4)];
    for (const offset of [1, 8, 100, -1, Number.NaN]) {
      expect(() => base64.write(target, offset, pieces)).toThrow(new RangeError('no room for the base64'));
    }
    expect(asText(target)).toBe('########');
    expect(base64.write(target, 0, pieces)).toBe(8);
  });

  it('reads only ranges that are there', () => {
    const source = ascii('AAAA');
    for (const [start, end] of [
      [-4, 0],
      [0, 5],
      [4, 0],
      [0, 8],
      [Number.NaN, 4],
      [0, Number.NaN],
    ] as const) {
      expect(() => base64.read(source, start, end)).toThrow(new RangeError('no such range'));
    }
    expect(base64.read(source, 2, 2)).toEqual(new Uint8Array(0));
  });

  it('works across the borders of its chunks of 48 KiB, with pieces of odd lengths', () => {
    const CHUNK = 48 * 1024;
    for (const size of [CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 2, 2 * CHUNK, 2 * CHUNK + 1, 300_001]) {
      const bytes = randomBytes(size);
      const text = Buffer.from(bytes).toString('base64');
      expect(base64.encode(bytes) === text).toBe(true);
      expect(same(base64.decode(text), bytes)).toBe(true);
      for (const cut of [0, 1, 2, 16, CHUNK - 1, CHUNK, CHUNK + 1]) {
        const target = new Uint8Array(7 + text.length);
        const pieces = [bytes.subarray(0, cut), bytes.subarray(cut, cut + 1), bytes.subarray(cut + 1)];
        expect(base64.write(target, 7, pieces)).toBe(target.length);
        expect(asText(target.subarray(7)) === text).toBe(true);
        expect(same(base64.read(target, 7, target.length), bytes)).toBe(true);
      }
    }
  });

  it('refuses one wrong character anywhere in a big text, at the borders of its chunks too', () => {
    const CHUNK = 64 * 1024;
    const bytes = randomBytes(150_000);
    const text = base64.encode(bytes);
    const source = ascii(text);
    for (const at of [
      0,
      1,
      1000,
      CHUNK - 4,
      CHUNK - 1,
      CHUNK,
      CHUNK + 1,
      2 * CHUNK - 1,
      2 * CHUNK,
      text.length - 1,
    ]) {
      for (const wrong of ' =-_!\n\u00e9') {
        if (wrong === '=' && at === text.length - 1) continue;
        const original = source[at] ?? 0;
        source[at] = wrong.charCodeAt(0);
        expect(base64.read(source, 0, source.length)).toBeUndefined();
        source[at] = original;
        expect(base64.decode(text.slice(0, at) + wrong + text.slice(at + 1))).toBeUndefined();
      }
    }
    expect(same(base64.read(source, 0, source.length), bytes)).toBe(true);
  });

  it('never asks the platform for a string of over 96 KiB', () => {
    const lengths: number[] = [];
    const note = <T extends string>(text: T): T => {
      lengths.push(text.length);
      return text;
    };
    const watched = base64Over({
      ...codec,
      encode: (bytes) => note(codec.encode(bytes)),
      ascii: (bytes, start, end) => note(codec.ascii(bytes, start, end)),
      writeAscii: (target, offset, text) => codec.writeAscii(target, offset, note(text)),
      decode: (text, target, offset) => codec.decode(note(text), target, offset),
    });
    const bytes = randomBytes(400_000);
    const target = new Uint8Array(base64Length(bytes.length));
    watched.write(target, 0, [bytes]);
    watched.read(target, 0, target.length);
    watched.decode(asText(target));
    expect(Math.max(...lengths)).toBe(64 * 1024);
  });
});

describe('the base64 of ECMAScript 2026', () => {
  const methods = ['toBase64', 'setFromBase64'] as const;
  const own = methods.map((name) => Object.getOwnPropertyDescriptor(Uint8Array.prototype, name));
  afterEach(() => {
    for (const [i, name] of methods.entries()) {
      const descriptor = own[i];
      if (descriptor === undefined) Reflect.deleteProperty(Uint8Array.prototype, name);
      else Object.defineProperty(Uint8Array.prototype, name, descriptor);
    }
  });
  const define = (name: (typeof methods)[number], value: unknown) =>
    Object.defineProperty(Uint8Array.prototype, name, { value, configurable: true, writable: true });

  it('is asked to be strict', () => {
    const asked: unknown[] = [];
    define('toBase64', function (this: Bytes) {
      return `base64 of ${this.join()}`;
    });
    define('setFromBase64', function (this: Bytes, ...args: unknown[]) {
      asked.push(args);
      this[0] = 7;
      return { read: 4, written: 1 };
    });
    const native = nativeBase64();
    const target = new Uint8Array(3);
    expect(native?.toBase64(Uint8Array.of(1, 2))).toBe('base64 of 1,2');
    expect(native?.setFromBase64(target, 'Bw==')).toEqual({ read: 4, written: 1 });
    expect(target).toEqual(Uint8Array.of(7, 0, 0));
    expect(asked).toEqual([['Bw==', { lastChunkHandling: 'strict' }]]);
    vi.stubGlobal('Buffer', undefined);
    expect(platformCodec().name).toBe('native');
    vi.unstubAllGlobals();
  });

  it.each(methods)('is not there without %s', (name) => {
    for (const method of methods) define(method, () => undefined);
    define(name, undefined);
    expect(nativeBase64()).toBeUndefined();
  });

  it('has read nothing when it leaves something, or throws', () => {
    const reading = (read: number) =>
      nativeCodec({ toBase64: () => '', setFromBase64: () => ({ read, written: 3 }) });
    expect(reading(4).decode('AAAA', new Uint8Array(3), 0)).toBe(3);
    expect(reading(3).decode('AAAA', new Uint8Array(3), 0)).toBe(-1);
    expect(nativeCodec(standInBase64).decode('A-A=', new Uint8Array(3), 0)).toBe(-1);
    expect(bufferCodec(Buffer).decode('A-A=', new Uint8Array(3), 0)).toBe(-1);
    expect(bufferCodec(Buffer).decode('A_A=', new Uint8Array(3), 0)).toBe(-1);
    expect(atobCodec().decode('A-A=', new Uint8Array(3), 0)).toBe(-1);
  });
});

describe('base64 of this runtime', () => {
  it('is what the platform offers', () => {
    expect(platformCodec().name).toBe('buffer');
    vi.stubGlobal('Buffer', undefined);
    const elsewhere = platformCodec().name;
    vi.unstubAllGlobals();
    expect(elsewhere).toBe(nativeBase64() === undefined ? 'atob' : 'native');
    const bytes = randomBytes(1000);
    const target = new Uint8Array(base64Length(1000));
    expect(writeBase64(target, 0, [bytes])).toBe(target.length);
    expect(asText(target)).toBe(base64Encode(bytes));
    expect(readBase64(target, 0, target.length)).toEqual(bytes);
    expect(base64Decode(base64Encode(bytes))).toEqual(bytes);
  });

  it('a 12-byte nonce is exactly 16 characters', () => {
    expect(base64Length(12)).toBe(16);
    expect([0, 1, 2, 3, 4].map(base64Length)).toEqual([0, 4, 4, 4, 8]);
  });

  it('spells session ids in the URL alphabet without padding, in one way only', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = base64UrlEncode(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(base64UrlDecode(text)).toEqual(bytes);
      }),
    );
    const sid = base64UrlEncode(randomBytes(16));
    expect(sid).toMatch(/^[A-Za-z0-9_-]{22}$/);
    for (const text of [
      `${sid}==`,
      `${sid}=`,
      ` ${sid}`,
      `${sid}\n`,
      `${sid.slice(0, -1)}B`,
      'A',
      'AAAAA',
      'AB',
      'ABD',
      '+/+/',
      'AA\u0141A',
    ]) {
      expect(base64UrlDecode(text)).toBeUndefined();
    }
  });
});
