/** The keys that records are sealed under: which are refused, what a KMS is asked, and how often. */
import { describe, expect, test } from 'vitest';
import { base64Encode } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import type { Bytes, Kek } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SessionStoreError } from '../../src/session/store-error.ts';

const DATA_KEY_MS = 300_000;
const KEY = Buffer.alloc(32, 1).toString('base64');
const NOTHING = new Uint8Array(0);

/** A KMS that knows which of its answers was which key, and is asked again and again. */
function kms(changes: Partial<Kek> = {}) {
  const asked: string[] = [];
  const keys: Bytes[] = [];
  const kek: Kek = {
    keyId: 'kms',
    wrap(dataKey) {
      asked.push('wrap');
      return Uint8Array.of(keys.push(dataKey.slice()));
    },
    unwrap(wrapped) {
      asked.push(`unwrap ${wrapped.join()}`);
      return keys[(wrapped[0] ?? 0) - 1] ?? new Uint8Array(32).fill(wrapped.at(-1) ?? 0);
    },
    ...changes,
  };
  return { kek, asked };
}

describe('a ring is refused with a TypeError', () => {
  const { kek } = kms();
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
    const ring = new KeyRing([KEY, kms().kek]);
    const { keyId, wrapped, key } = await ring.sealing();
    expect(wrapped).toEqual(NOTHING);
    expect(await ring.opening(keyId, NOTHING)).toEqual(key);
    expect(await ring.opening('another', NOTHING)).toBeUndefined();
  });

  test('is no key at hand where a data key was wrapped, and no data key where none was', async () => {
    const { kek, asked } = kms();
    const ring = new KeyRing([KEY, kek]);
    const { keyId } = await ring.sealing();
    expect(await ring.opening(keyId, Uint8Array.of(1))).toBeUndefined();
    expect(await ring.opening('kms', NOTHING)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

describe('a KMS', () => {
  test('may overwrite what it is given', async () => {
    const ring = new KeyRing([
      kms({
        wrap: (dataKey) => Uint8Array.of(...dataKey.fill(0).subarray(1), 1),
        unwrap: (wrapped) => new Uint8Array(32).fill(wrapped.fill(9).length),
      }).kek,
    ]);
    const { key, wrapped } = await ring.sealing();
    expect(key).not.toEqual(new Uint8Array(32));
    const before = wrapped.slice();
    expect(await ring.opening('kms', wrapped)).toEqual(new Uint8Array(32).fill(32));
    expect(wrapped).toEqual(before);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['no bytes', NOTHING],
    ['text', 'wrapped'],
    ['4097 bytes', new Uint8Array(4097)],
  ])('that wraps a key as %s is an unavailable store', async (_, wrapped) => {
    const ring = new KeyRing([kms({ wrap: () => wrapped as Bytes }).kek]);
    await expect(ring.sealing()).rejects.toThrow(SessionStoreError);
    await expect(ring.sealing()).rejects.toThrow(/wrap\(\) gave no wrapped key of 1 to 4096 bytes/);
  });

  test.each([1, 4096])('may wrap a key as %i bytes', async (length) => {
    const ring = new KeyRing([kms({ wrap: () => new Uint8Array(length) }).kek]);
    expect((await ring.sealing()).wrapped.length).toBe(length);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['31 bytes', new Uint8Array(31)],
    ['33 bytes', new Uint8Array(33)],
    ['text of that length', 'k'.repeat(32)],
  ])('that unwraps to %s is an unavailable store', async (_, key) => {
    const ring = new KeyRing([kms({ unwrap: () => key as Bytes }).kek]);
    await expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(SessionStoreError);
    await expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(/unwrap\(\) gave no key of 32 bytes/);
  });

  test('is asked for a new data key after five minutes, not before', async () => {
    const { kek, asked } = kms();
    let now = 1000;
    const ring = new KeyRing([kek], () => now);
    const first = await ring.sealing();
    now += DATA_KEY_MS;
    expect(await ring.sealing()).toBe(first);
    now += 1;
    const second = await ring.sealing();
    expect(second.key).not.toEqual(first.key);
    expect(await ring.sealing()).toBe(second);
    expect(asked).toEqual(['wrap', 'wrap']);
  });

  test('is asked for a new data key after ten thousand records, not before', async () => {
    const { kek, asked } = kms();
    const ring = new KeyRing([kek], () => 0);
    for (let i = 0; i < 10_000; i++) await ring.sealing();
    expect(asked).toEqual(['wrap']);
    await ring.sealing();
    expect(asked).toEqual(['wrap', 'wrap']);
  });

  test('is asked once in five minutes for what another instance sealed', async () => {
    const { kek, asked } = kms();
    let now = 1000;
    const ring = new KeyRing([kek], () => now);
    const [one, other] = [Uint8Array.of(0, 1), Uint8Array.of(0, 2)];
    const open = (wrapped: Bytes) => ring.opening('kms', wrapped);
    expect([await open(one), await open(other)]).toEqual([
      new Uint8Array(32).fill(1),
      new Uint8Array(32).fill(2),
    ]);
    now += DATA_KEY_MS;
    expect(await open(one)).toEqual(new Uint8Array(32).fill(1));
    expect(asked).toEqual(['unwrap 0,1', 'unwrap 0,2']);
    now += 1;
    await open(one);
    expect(asked).toEqual(['unwrap 0,1', 'unwrap 0,2', 'unwrap 0,1']);
  });

  test('is asked again for the oldest of more than a thousand data keys', async () => {
    const { kek, asked } = kms();
    const ring = new KeyRing([kek], () => 0);
    const open = (i: number) => ring.opening('kms', Uint8Array.of(0, i >> 8, i & 255));
    for (let i = 0; i < 1000; i++) await open(i);
    await open(0);
    expect(asked.length).toBe(1000);
    await open(1000);
    await open(1);
    expect(asked.length).toBe(1001);
    await open(0);
    expect(asked.length).toBe(1002);
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
