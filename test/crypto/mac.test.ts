/** HMAC-SHA256 (RFC 4231), HKDF-SHA256 (RFC 5869), SHA-256 (FIPS 180-4): known answers, limits, wiping. */
import { describe, expect, it } from 'vitest';
import { type Bytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { hex, implementations } from './implementations.ts';

const repeat = (byte: number, times: number): Bytes => new Uint8Array(times).fill(byte);
const count = (from: number, to: number): Bytes =>
  Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** RFC 4231 section 4; case 5 is cut to 128 bits there. */
const HMAC_CASES: readonly { name: string; key: Bytes; data: Bytes; mac: string }[] = [
  {
    name: '4.2',
    key: repeat(0x0b, 20),
    data: utf8ToBytes('Hi There'),
    mac: 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  },
  {
    name: '4.3',
    key: utf8ToBytes('Jefe'),
    data: utf8ToBytes('what do ya want for nothing?'),
    mac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  },
  {
    name: '4.4',
    key: repeat(0xaa, 20),
    data: repeat(0xdd, 50),
    mac: '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  },
  {
    name: '4.5',
    key: count(1, 25),
    data: repeat(0xcd, 50),
    mac: '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  },
  {
    name: '4.6',
    key: repeat(0x0c, 20),
    data: utf8ToBytes('Test With Truncation'),
    mac: 'a3b6167473100ee06e0c796c2955552b',
  },
  {
    name: '4.7',
    key: repeat(0xaa, 131),
    data: utf8ToBytes('Test Using Larger Than Block-Size Key - Hash Key First'),
    mac: '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  },
  {
    name: '4.8',
    key: repeat(0xaa, 131),
    data: utf8ToBytes(
      'This is a test using a larger than block-size key and a larger than block-size data. ' +
        'The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    mac: '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  },
];

/** RFC 5869 appendices A.1 to A.3. */
const HKDF_CASES: readonly {
  name: string;
  ikm: Bytes;
  salt: Bytes;
  info: Bytes;
  prk: string;
  okm: string;
}[] = [
  {
    name: 'A.1',
    ikm: repeat(0x0b, 22),
    salt: count(0x00, 0x0c),
    info: count(0xf0, 0xf9),
    prk: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    name: 'A.2',
    ikm: count(0x00, 0x4f),
    salt: count(0x60, 0xaf),
    info: count(0xb0, 0xff),
    prk: '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
    okm:
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
      'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    name: 'A.3',
    ikm: repeat(0x0b, 22),
    salt: new Uint8Array(0),
    info: new Uint8Array(0),
    prk: '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
    okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
];

describe.each(implementations)('hashing by $name', (primitives) => {
  it.each(HMAC_CASES)('HMAC: RFC 4231 section $name', ({ key, data, mac }) => {
    expect(hex(primitives.macKey(key).mac(data)).slice(0, mac.length)).toBe(mac);
  });

  it.each(HKDF_CASES)('HKDF: RFC 5869 $name', ({ ikm, salt, info, prk, okm }) => {
    const extracted = primitives.extract(salt, ikm);
    expect(hex(extracted)).toBe(prk);
    // Ours is the first of its blocks.
    expect(hex(primitives.expand(primitives.macKey(extracted), info))).toBe(okm.slice(0, 64));
  });

  it('SHA-256: the examples of FIPS 180, of none, one and two blocks', () => {
    const sha256 = (text: string): string => hex(primitives.sha256(utf8ToBytes(text)));
    expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('one key makes any number of MACs, each as if it were the first', () => {
    const key = primitives.macKey(utf8ToBytes('Jefe'));
    const data = utf8ToBytes('what do ya want for nothing?');
    const first = hex(key.mac(data));
    key.mac(repeat(1, 1000));
    expect(hex(key.mac(data))).toBe(first);
  });

  it('takes an empty key and empty data, copies the key, gives plain Uint8Arrays', () => {
    const empty = new Uint8Array(0);
    expect(hex(primitives.macKey(empty).mac(empty))).toBe(
      'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad',
    );
    const raw = repeat(0x0b, 20);
    const key = primitives.macKey(raw);
    raw.fill(0);
    expect(hex(key.mac(utf8ToBytes('Hi There')))).toBe(HMAC_CASES[0]?.mac);
    const results = [key.mac(empty), primitives.sha256(empty), primitives.extract(empty, empty)];
    for (const bytes of results) expect(bytes.constructor).toBe(Uint8Array);
  });

  it('makes no MAC and derives no key after wipe', () => {
    const key = primitives.macKey(repeat(1, 32));
    key.wipe();
    expect(() => key.mac(new Uint8Array(1))).toThrow('wiped');
    expect(() => primitives.expand(key, new Uint8Array(1))).toThrow('wiped');
    key.wipe();
  });
});
