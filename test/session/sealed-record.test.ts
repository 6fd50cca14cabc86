/** Records at rest: what opens them and what doesn't, the ring of keys, and keys that stay in a KMS. */
import { describe, expect, test, vi } from 'vitest';
import { base64Encode, base64UrlEncode } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { input } from '../../src/protocol/input.ts';
import type { Bytes, Kek } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { openRecord, sealRecord } from '../../src/session/sealed-record.ts';
import { turningKms } from './kms.ts';

const SID = base64UrlEncode(randomBytes(16));
const record = (): Bytes => randomBytes(300);
const key = (): string => base64Encode(randomBytes(32));

describe('a sealed record', () => {
  test('opens in its place, and twice the same record looks like two', async () => {
    const ring = new KeyRing([key()]);
    const plain = record();
    const [one, other] = [await sealRecord(ring, SID, plain), await sealRecord(ring, SID, plain)];
    expect(await openRecord(ring, SID, one)).toEqual(plain);
    expect(one.slice(-200)).not.toEqual(other.slice(-200));
    expect(Buffer.from(one).includes(Buffer.from(plain.slice(0, 16)))).toBe(false);
  });

  test('has the layout of PROTOCOL.md, section 14', async () => {
    const text = key();
    const plain = record();
    const sealed = await sealRecord(new KeyRing([text]), SID, plain);
    const p = primitives();
    const kek = new Uint8Array(Buffer.from(text, 'base64'));
    const keyId = base64UrlEncode(p.sha256(input('nen/2 store key id', kek)).slice(0, 8));
    expect(Buffer.from(sealed.slice(0, 4 + 11 + 4)).toString('latin1')).toBe(`\0\0\0\x0b${keyId}\0\0\0\0`);
    const [salt, box] = [sealed.slice(19, 51), sealed.slice(51)];
    const raw = p.expand(p.macKey(p.extract(salt, kek)), input('nen/2 record seal key'));
    const aad = input('nen/2 record seal', SID, keyId);
    expect(await p.aeadKey(raw).open(new Uint8Array(12), aad, box)).toEqual(plain);
  });

  test('does not open with any byte altered, cut at any length, or in another place', async () => {
    const ring = new KeyRing([key()]);
    const sealed = await sealRecord(ring, SID, record());
    const unopenable = { code: 'ISO-2004' };
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      await expect(openRecord(ring, SID, altered)).rejects.toMatchObject(unopenable);
      await expect(openRecord(ring, SID, sealed.slice(0, at))).rejects.toMatchObject(unopenable);
    }
    await expect(openRecord(ring, `${SID}x`, sealed)).rejects.toMatchObject(unopenable);
    await expect(openRecord(new KeyRing([key()]), SID, sealed)).rejects.toMatchObject(unopenable);
  });
});

test.each([
  ['at hand', () => new KeyRing([key()])],
  ['of a KMS', () => new KeyRing([turningKms()])],
])(
  'a key %s is asked for as a copy, which is wiped, and so is the copy of the record',
  async (_, newRing) => {
    const ring = newRing();
    const [sealing, opening] = [vi.spyOn(ring, 'sealing'), vi.spyOn(ring, 'opening')];
    const plain = record();
    const copies = vi.spyOn(Uint8Array.prototype, 'set');
    const sealed = await sealRecord(ring, SID, plain);
    const copied = (copies.mock.contexts as Uint8Array[]).filter(({ length }) => length === plain.length);
    copies.mockRestore();
    expect(await openRecord(ring, SID, sealed)).toEqual(plain);
    await expect(openRecord(ring, `${SID}x`, sealed)).rejects.toThrow();
    const lent = [(await sealing.mock.results[0]?.value)?.key];
    for (const { value } of opening.mock.results) lent.push(await value);
    expect(lent).toEqual([1, 2, 3].map(() => new Uint8Array(32)));
    expect(copied.map((copy) => copy.every((byte) => byte === 0))).toEqual([true]);
  },
);

describe('what the log is told of a record that does not open', () => {
  const hintOf = (ring: KeyRing, sid: string, sealed: Bytes): Promise<string> =>
    openRecord(ring, sid, sealed).then(
      () => 'it opened',
      ({ hint }: { hint: string }) => hint.replace("a session record can't be opened: ", ''),
    );
  const NONE = 'it is not a sealed record';
  const UNKNOWN = 'it was sealed under a key that is not in the ring';
  const ALTERED = 'it was altered, or moved from another session';

  test('is whether it is one at all, of a key that is known, and in its place', async () => {
    const ring = new KeyRing([key()]);
    const sealed = await sealRecord(ring, SID, record());
    // LP(keyId of 11) || LP() || salt, and the box.
    const boxAt = 4 + 11 + 4 + 32;
    for (let length = 0; length < boxAt; length++)
      expect(await hintOf(ring, SID, sealed.slice(0, length)), `${length} bytes`).toBe(NONE);
    for (const length of [boxAt, boxAt + 1, sealed.length - 1])
      expect(await hintOf(ring, SID, sealed.slice(0, length))).toBe(ALTERED);
    expect(await hintOf(ring, `${SID}x`, sealed)).toBe(ALTERED);
    expect(await hintOf(new KeyRing([key()]), SID, sealed)).toBe(UNKNOWN);
    const odd = sealed.slice();
    odd[4] = 0x20;
    expect(await hintOf(ring, SID, odd)).toBe(NONE);
  });

  test('is that a key id or a data key too long is none', async () => {
    const wrapped = (length: number): Kek => ({
      ...turningKms('k'.repeat(256)),
      wrap: (dataKey) => Uint8Array.from([...dataKey, ...new Uint8Array(length - 32)]),
      unwrap: (bytes) => bytes.slice(0, 32),
    });
    const ring = new KeyRing([wrapped(4096)]);
    const sealed = await sealRecord(ring, SID, record());
    expect(await hintOf(ring, SID, sealed)).toBe('it opened');
    const lengthened = (at: number, length: number): Bytes => {
      const longer = Uint8Array.from([
        ...sealed.slice(0, at),
        ...sealed.slice(at, at + 1),
        ...sealed.slice(at),
      ]);
      new DataView(longer.buffer).setUint32(at - 4, length);
      return longer;
    };
    expect(await hintOf(ring, SID, lengthened(4, 257))).toBe(NONE);
    expect(await hintOf(ring, SID, lengthened(4 + 256 + 4, 4097))).toBe(NONE);
  });
});

describe('a ring of keys', () => {
  test('seals with the first and opens with all, each found by its id', async () => {
    const [old, next] = [key(), key()];
    const plain = record();
    const before = await sealRecord(new KeyRing([old]), SID, plain);
    const during = new KeyRing([next, old]);
    expect(await openRecord(during, SID, before)).toEqual(plain);
    const after = await sealRecord(during, SID, plain);
    expect(await openRecord(new KeyRing([next]), SID, after)).toEqual(plain);
    await expect(openRecord(new KeyRing([old]), SID, after)).rejects.toMatchObject({ code: 'ISO-2004' });
  });

  test('refuses two keys of one id', () => {
    const twice = key();
    expect(() => new KeyRing([twice, twice])).toThrow(TypeError);
    expect(() => new KeyRing([turningKms(), turningKms()])).toThrow(TypeError);
  });
});

describe('a key in a KMS', () => {
  test('is asked once for many records, and again after 5 minutes or 10 000 records', async () => {
    let now = 0;
    const kek = turningKms();
    const ring = new KeyRing([kek], () => now);
    await Promise.all(Array.from({ length: 100 }, () => sealRecord(ring, SID, record())));
    expect(kek.wraps).toBe(1);
    now = 300_001;
    await Promise.all(Array.from({ length: 100 }, () => sealRecord(ring, SID, record())));
    expect(kek.wraps).toBe(2);
    for (let i = 0; i < 10_000; i++) await ring.sealing();
    expect(kek.wraps).toBe(3);
  });

  test('opens what other instances sealed, and is asked once for each of their data keys', async () => {
    const kek = turningKms();
    const plain = record();
    const [one, other] = [new KeyRing([kek]), new KeyRing([kek])];
    const sealed = [await sealRecord(one, SID, plain), await sealRecord(one, SID, plain)];
    for (const each of sealed) expect(await openRecord(other, SID, each)).toEqual(plain);
    expect(kek.unwraps).toBe(1);
  });

  test('that fails is an unavailable store, without what the KMS said, and is asked again', async () => {
    const kek = turningKms();
    const ring = new KeyRing([kek]);
    kek.down = true;
    const failure: unknown = await sealRecord(ring, SID, record()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: 'SessionStoreError' });
    expect(String(failure)).not.toContain('no route');
    kek.down = false;
    const sealed = await sealRecord(ring, SID, record());
    const other = new KeyRing([kek]);
    kek.down = true;
    await expect(openRecord(other, SID, sealed)).rejects.toMatchObject({ name: 'SessionStoreError' });
    kek.down = false;
    await openRecord(other, SID, sealed);
  });
});
