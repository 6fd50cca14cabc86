/** A key that stays in a KMS: what the KMS is asked, how often, and what becomes of its answers. */
import { describe, expect, test } from 'vitest';
import type { Bytes } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SessionStoreError } from '../../src/session/store-error.ts';
import { notingKms } from './kms.ts';

const DATA_KEY_MS = 300_000;
const NOTHING = new Uint8Array(0);

describe('a KMS', () => {
  test('may overwrite what it is given', async () => {
    const ring = new KeyRing([
      notingKms({
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
    const ring = new KeyRing([notingKms({ wrap: () => wrapped as Bytes }).kek]);
    await expect(ring.sealing()).rejects.toThrow(SessionStoreError);
    await expect(ring.sealing()).rejects.toThrow(/wrap\(\) gave no wrapped key of 1 to 4096 bytes/);
  });

  test.each([1, 4096])('may wrap a key as %i bytes', async (length) => {
    const ring = new KeyRing([notingKms({ wrap: () => new Uint8Array(length) }).kek]);
    expect((await ring.sealing()).wrapped.length).toBe(length);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['31 bytes', new Uint8Array(31)],
    ['33 bytes', new Uint8Array(33)],
    ['text of that length', 'k'.repeat(32)],
  ])('that unwraps to %s is an unavailable store', async (_, key) => {
    const ring = new KeyRing([notingKms({ unwrap: () => key as Bytes }).kek]);
    await expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(SessionStoreError);
    await expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(/unwrap\(\) gave no key of 32 bytes/);
  });

  test('is asked for a new data key after five minutes, not before', async () => {
    const { kek, asked } = notingKms();
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
    const { kek, asked } = notingKms();
    const ring = new KeyRing([kek], () => 0);
    for (let i = 0; i < 10_000; i++) await ring.sealing();
    expect(asked).toEqual(['wrap']);
    await ring.sealing();
    expect(asked).toEqual(['wrap', 'wrap']);
  });

  test('is asked once in five minutes for what another instance sealed', async () => {
    const { kek, asked } = notingKms();
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
    const { kek, asked } = notingKms();
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
