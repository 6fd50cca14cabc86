/** A key that stays in a KMS: what the KMS is asked, how often, and what becomes of its answers. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { wipe } from '../../src/crypto/bytes.ts';
import type { Bytes } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SessionStoreError } from '../../src/session/store-error.ts';
import { gate } from '../support/gate.ts';
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
    ['a view of words', new Uint16Array(32)],
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
    expect(await ring.sealing()).toEqual(first);
    now += 1;
    const second = await ring.sealing();
    expect(second.key).not.toEqual(first.key);
    expect(await ring.sealing()).toEqual(second);
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
    const open = (i: number) => ring.opening('kms', Uint8Array.of(0, i >> 8, i & 255, 1));
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

const isZero = (bytes: Uint8Array | undefined): boolean | undefined => bytes?.every((byte) => byte === 0);

describe('a data key', () => {
  const ZEROS = new Uint8Array(32);
  const TIMEOUT_MS = 5000;
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** The data keys that are drawn from now on, where they were drawn. */
  function drawnKeys(): () => readonly Uint8Array[] {
    const draws = vi.spyOn(crypto, 'getRandomValues');
    return () =>
      (draws.mock.calls as [Uint8Array][]).map(([draw]) => draw).filter(({ length }) => length === 32);
  }

  /** All arrays of 32 bytes that something is copied into from now on. */
  function copiesOfKeys(): () => readonly Uint8Array[] {
    const copies = vi.spyOn(Uint8Array.prototype, 'set');
    return () => (copies.mock.contexts as Uint8Array[]).filter(({ length }) => length === 32);
  }

  test.each([['another is made', 'sealing'] as const, ['one is opened', 'opening'] as const])(
    'is wiped when %s after its time',
    async (_, how) => {
      const drawn = drawnKeys();
      let now = 0;
      const ring = new KeyRing([notingKms().kek], () => now);
      const { key } = await ring.sealing();
      const [own] = drawn();
      now = DATA_KEY_MS;
      await ring.sealing();
      expect(own).toEqual(key);
      now += 1;
      await (how === 'sealing' ? ring.sealing() : ring.opening('kms', Uint8Array.of(0, 7)));
      expect(isZero(own)).toBe(true);
    },
  );

  test('is wiped after its last record', async () => {
    const drawn = drawnKeys();
    const ring = new KeyRing([notingKms().kek], () => 0);
    for (let i = 0; i < 10_000; i++) await ring.sealing();
    expect(isZero(drawn()[0])).toBe(false);
    await ring.sealing();
    expect(drawn().map(isZero)).toEqual([true, false]);
  });

  test('is lent: who wipes it wipes a copy', async () => {
    const ring = new KeyRing([notingKms().kek], () => 0);
    const lent = [await ring.sealing(), await ring.sealing()];
    expect(lent[0]).toEqual(lent[1]);
    wipe(lent[0]?.key ?? ZEROS);
    expect(isZero(lent[1]?.key)).toBe(false);
    const open = () => ring.opening('kms', Uint8Array.of(0, 7));
    wipe((await open()) ?? ZEROS);
    expect(await open()).toEqual(new Uint8Array(32).fill(7));
  });

  test('is not wiped under who asked for it in its time, nor is who asks later given it', async () => {
    let now = 0;
    const ring = new KeyRing([notingKms().kek], () => now);
    const { key } = await ring.sealing();
    await ring.opening('kms', Uint8Array.of(0, 7));
    const sealings = [ring.sealing()];
    const openings = [ring.opening('kms', Uint8Array.of(0, 7))];
    now = DATA_KEY_MS + 1;
    sealings.push(ring.sealing());
    openings.push(ring.opening('kms', Uint8Array.of(0, 7)));
    const [before, after] = await Promise.all(sealings);
    expect(before?.key).toEqual(key);
    expect(after?.key).not.toEqual(key);
    expect(isZero(after?.key)).toBe(false);
    expect(await Promise.all(openings)).toEqual([new Uint8Array(32).fill(7), new Uint8Array(32).fill(7)]);
  });

  test('that replaces one still on its way to the KMS leaves it to who waits for it', async () => {
    const drawn = drawnKeys();
    const first = gate();
    let now = 0;
    let asked = 0;
    const wrap = async (): Promise<Bytes> => {
      const name = Uint8Array.of(++asked);
      if (asked === 1) await first.opened;
      return name;
    };
    const ring = new KeyRing([notingKms({ wrap }).kek], () => now);
    const before = ring.sealing();
    now = DATA_KEY_MS + 1;
    expect((await ring.sealing()).wrapped).toEqual(Uint8Array.of(2));
    first.open();
    const { wrapped, key } = await before;
    expect(wrapped).toEqual(Uint8Array.of(1));
    expect(isZero(key)).toBe(false);
    await Promise.resolve();
    expect(drawn().map(isZero)).toEqual([true, false]);
  });

  test('that a KMS fails to wrap is wiped', async () => {
    const drawn = drawnKeys();
    const wrap = (): never => {
      throw new Error('no route');
    };
    const ring = new KeyRing([notingKms({ wrap }).kek]);
    await expect(ring.sealing()).rejects.toThrow(SessionStoreError);
    expect(drawn().map(isZero)).toEqual([true]);
  });

  test('in the hands of the KMS is wiped when it has answered, and not while it works', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const drawn = drawnKeys();
    const answer = gate();
    const handed: Bytes[] = [];
    const wrap = async (dataKey: Bytes): Promise<Bytes> => {
      handed.push(dataKey);
      await answer.opened;
      return dataKey;
    };
    const ring = new KeyRing([notingKms({ wrap }).kek]);
    const sealing = expect(ring.sealing()).rejects.toThrow(/did not answer within 5000 ms/);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    await sealing;
    expect([isZero(drawn()[0]), isZero(handed[0])]).toEqual([true, false]);
    answer.open();
    await vi.advanceTimersByTimeAsync(0);
    expect(isZero(handed[0])).toBe(true);
    // What it gave was the very array: wiped after it was copied.
    const { key, wrapped } = await ring.sealing();
    expect(wrapped).toEqual(key);
  });

  test('of another instance is wiped, and so is what the KMS gave: after its time, and above a thousand', async () => {
    const copies = copiesOfKeys();
    const given: Bytes[] = [];
    const unwrap = (wrapped: Bytes): Bytes => {
      const key = new Uint8Array(32).fill(wrapped.at(-1) ?? 0);
      given.push(key);
      return key;
    };
    let now = 0;
    const ring = new KeyRing([notingKms({ unwrap }).kek], () => now);
    const open = async (i: number): Promise<void> => {
      const key = await ring.opening('kms', Uint8Array.of(i >> 8, i & 255, 1));
      wipe(key ?? ZEROS);
    };
    const kept = (): number => copies().filter((copy) => !isZero(copy)).length;
    await open(0);
    await open(1);
    expect(given.map(isZero)).toEqual([true, true]);
    expect(kept()).toBe(2);
    now = DATA_KEY_MS + 1;
    await open(2);
    expect(kept()).toBe(1);
    for (let i = 3; i < 1100; i++) await open(i);
    expect(kept()).toBe(1000);
  });

  test('of another instance that comes too late is wiped', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const copies = copiesOfKeys();
    const late = gate();
    const key = new Uint8Array(32).fill(7);
    const unwrap = (): Promise<Bytes> => late.opened.then(() => key);
    const ring = new KeyRing([notingKms({ unwrap }).kek]);
    const opening = expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(SessionStoreError);
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
    await opening;
    late.open();
    await vi.advanceTimersByTimeAsync(0);
    expect(isZero(key)).toBe(true);
    expect(copies().map(isZero)).toEqual([true]);
  });

  test('of zeros is none: a KMS that keeps what it gave, which was wiped, would open a forged record', async () => {
    const key = new Uint8Array(32).fill(7);
    let now = 0;
    const ring = new KeyRing([notingKms({ unwrap: () => key }).kek], () => now);
    expect(await ring.opening('kms', Uint8Array.of(1))).toEqual(new Uint8Array(32).fill(7));
    now = DATA_KEY_MS + 1;
    await expect(ring.opening('kms', Uint8Array.of(1))).rejects.toThrow(/unwrap\(\) gave zeros/);
  });
});
