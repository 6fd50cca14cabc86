/** One exact spelling for each value. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Encode, base64UrlEncode } from '../../src/crypto/bytes.ts';
import { decodeNonce, isAudience, isEpoch, isSid, isTime, isTimestamp } from '../../src/protocol/formats.ts';
import { bytesOf, hex, sidOf, unhex } from './support.ts';

describe('a session id', () => {
  it('is any 16 bytes as base64url without padding', () => {
    fc.assert(fc.property(bytesOf(16), (bytes) => isSid(base64UrlEncode(bytes))));
  });

  const good = sidOf('a');
  it.each<[unknown, string]>([
    ['', 'empty'],
    [good.slice(1), 'too short'],
    [`${good}A`, 'too long'],
    [`${good}==`, 'padded'],
    [`${good.slice(0, 21)}B`, 'with non-zero trailing bits'],
    [`+/${good.slice(2)}`, 'of the other alphabet'],
    [` ${good.slice(1)}`, 'with a space'],
    [`${good.slice(0, 21)}\n`, 'with a line end'],
    [`${good}, ${good}`, 'sent twice'],
    ['__proto__', 'a property'],
    ['{}'.repeat(11), 'braces'],
    [':'.repeat(22), 'colons'],
    ['\u00e9'.repeat(22), 'latin1'],
    [null, 'null'],
    [undefined, 'undefined'],
    [22, 'a number'],
    [[good], 'a list'],
    [{ length: 22 }, 'an object'],
  ])('is not %j: %s', (value) => {
    expect(isSid(value)).toBe(false);
  });
});

describe('a timestamp', () => {
  it.each(['1700000000000', '1000000000000', '9999999999999'])('is %s', (value) => {
    expect(isTimestamp(value)).toBe(true);
  });

  it.each([
    'NaN',
    '',
    'abc',
    '0x18bcfe56800',
    '1.7e12',
    ' 1700000000000',
    '1700000000000 ',
    '1700000000000\n',
    '+1700000000000',
    '-1700000000000',
    '0170000000000',
    '1700000000.00',
    '1700000000000.5',
    '\uff11700000000000',
    '1700000000',
    '170000000000',
    '17000000000000',
    '9007199254740993',
    '1700000000000, 1700000000000',
    'Infinity',
    '1_700_000_000_000',
  ])('is not %j', (value) => {
    expect(isTimestamp(value)).toBe(false);
  });
});

describe('a time', () => {
  it('is the number of a timestamp', () => {
    for (const value of [1_700_000_000_000, 1_000_000_000_000, 9_999_999_999_999])
      expect(isTime(value)).toBe(true);
  });

  it.each([999_999_999_999, 10_000_000_000_000, 1_700_000_000_000.5, Number.NaN, '1700000000000', null])(
    'is not %j',
    (value) => {
      expect(isTime(value)).toBe(false);
    },
  );
});

describe('a nonce', () => {
  it('is 12 bytes as 16 characters of base64', () => {
    fc.assert(
      fc.property(bytesOf(12), (bytes) => hex(decodeNonce(base64Encode(bytes)) ?? unhex('')) === hex(bytes)),
    );
  });

  it.each([0, 1, 8, 10, 11, 13, 14, 15, 16, 24, 1000])('is not %i bytes', (length) => {
    expect(decodeNonce(base64Encode(new Uint8Array(length)))).toBeUndefined();
  });

  const good = base64Encode(unhex('fbefbe00112233445566fbff'));
  it('has no second spelling', () => {
    expect(good).toContain('+');
    expect(good).toContain('/');
    const spellings = [
      good.replaceAll('+', '-').replaceAll('/', '_'),
      `${good}=`,
      `${good}==`,
      ` ${good}`,
      `${good} `,
      `${good.slice(0, 8)} ${good.slice(8)}`,
      `${good.slice(0, 8)}\t${good.slice(8)}`,
      `${good.slice(0, 15)} `,
      `\n${good.slice(1)}`,
      `${good}!`,
      `${good},`,
      `${good}A`,
      `${good}, ${good}`,
      good.toLowerCase(),
      good.slice(0, 15),
      `${good.slice(0, 14)}==`,
      `${good.slice(0, 15)}=`,
    ];
    for (const spelling of spellings) {
      const decoded = decodeNonce(spelling);
      if (decoded !== undefined) expect(hex(decoded)).not.toBe('fbefbe00112233445566fbff');
    }
  });
});

describe('an epoch', () => {
  it.each(['a', 'A-z_09', 'x'.repeat(64)])('is %s', (value) => {
    expect(isEpoch(value)).toBe(true);
  });

  it.each(['', ' ', 'a b', 'a\n', 'x'.repeat(65), '\u00e9', 'a:b', '{}', 1, null, undefined, ['a']])(
    'is not %j',
    (value) => {
      expect(isEpoch(value)).toBe(false);
    },
  );
});

describe('an audience', () => {
  it.each([
    'https://app.example',
    'http://localhost',
    'http://localhost:3000',
    'https://app.example:8443',
    'http://127.0.0.1:3000',
    'http://[::1]:3000',
    'https://xn--bcher-kva.example',
  ])('is %s', (value) => {
    expect(isAudience(value)).toBe(true);
  });

  it.each([
    '',
    'app.example',
    '//app.example',
    'https:app.example',
    'https://',
    'https://app.example/',
    'https://app.example/path',
    'https://app.example?x',
    'https://app.example#x',
    'https://user@app.example',
    'https://user:pw@app.example',
    'https://APP.example',
    'HTTPS://app.example',
    'https://app.example:443',
    'http://app.example:80',
    'https://app.example:08443',
    ' https://app.example',
    'https://app.example ',
    'https://app.example\n',
    'https://b\u00fccher.example',
    'https://app.example\\@evil.example',
    'https://0x7f.1',
    'ws://app.example',
    'ftp://app.example',
    'file:///etc/passwd',
    'blob:https://app.example/1',
    'javascript:alert(1)',
    'null',
    `https://${'a.'.repeat(200)}example`,
    null,
    undefined,
    5,
    ['https://app.example'],
  ])('is not %j', (value) => {
    expect(isAudience(value)).toBe(false);
  });
});
