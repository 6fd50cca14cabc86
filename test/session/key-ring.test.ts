/** The keys that records are sealed under: which are refused, and which opens what. */
import { describe, expect, test } from 'vitest';
import { base64Encode } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { notingKms } from './kms.ts';

const KEY = Buffer.alloc(32, 1).toString('base64');
const NOTHING = new Uint8Array(0);

describe('a ring is refused with a TypeError', () => {
  const { kek } = notingKms();
  test.each<[string, unknown, RegExp]>([
    ['that is no list', KEY, /a list of keys/],
    ['of nothing', undefined, /a list of keys/],
    ['without a key', [], /at least one key/],
    ['of a key of 31 bytes', [Buffer.alloc(31).toString('base64')], /32 bytes as base64/],
    ['of a key of 33 bytes', [Buffer.alloc(33).toString('base64')], /32 bytes as base64/],
    ['of a key in another encoding', [Buffer.alloc(32).toString('base64url')], /32 bytes as base64/],
    ['of an empty text', [''], /32 bytes as base64/],
    ['of null', [null], /a Kek has/],
    ['of undefined', [undefined], /a Kek has/],
    ['of a Kek without an id', [{ ...kek, keyId: undefined }], /a Kek has/],
    ['of a Kek with an id that is no text', [{ ...kek, keyId: 5 }], /a Kek has/],
    ['of a Kek with an empty id', [{ ...kek, keyId: '' }], /a Kek has/],
    ['of a Kek with an id too long', [{ ...kek, keyId: 'k'.repeat(257) }], /a Kek has/],
    ['of a Kek with white space in its id', [{ ...kek, keyId: 'a b' }], /a Kek has/],
    ['of a Kek that can not wrap', [{ ...kek, wrap: undefined }], /a Kek has/],
    ['of a Kek that can not unwrap', [{ ...kek, unwrap: 'no' }], /a Kek has/],
    ['of one key twice', [KEY, KEY], /two keys with one id/],
  ])('%s', (_, keys, message) => {
    expect(() => new KeyRing(keys as never)).toThrow(TypeError);
    expect(() => new KeyRing(keys as never)).toThrow(message);
  });

  test('and not for a long id', () => {
    expect(() => new KeyRing([{ ...kek, keyId: 'k'.repeat(256) }])).not.toThrow();
  });
});

describe('what opens a record', () => {
  test('is the key of its id, and none other', async () => {
    const ring = new KeyRing([KEY, notingKms().kek]);
    const { keyId, wrapped, key } = await ring.sealing();
    expect(wrapped).toEqual(NOTHING);
    expect(await ring.opening(keyId, NOTHING)).toEqual(key);
    expect(await ring.opening('another', NOTHING)).toBeUndefined();
  });

  test('is no key at hand where a data key was wrapped, and no data key where none was', async () => {
    const { kek, asked } = notingKms();
    const ring = new KeyRing([KEY, kek]);
    const { keyId } = await ring.sealing();
    expect(await ring.opening(keyId, Uint8Array.of(1))).toBeUndefined();
    expect(await ring.opening('kms', NOTHING)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

test('a key never lies in the memory that short Buffers share, which whoever sends a Buffer whole gives away', () => {
  const key = randomBytes(32);
  const pools = [Buffer.from('x').buffer];
  expect(new KeyRing([base64Encode(key)])).toBeInstanceOf(KeyRing);
  pools.push(Buffer.from('x').buffer);
  const sought = Buffer.from(key.buffer, key.byteOffset, key.length);
  for (const pool of pools) expect(Buffer.from(pool).includes(sought)).toBe(false);
});
