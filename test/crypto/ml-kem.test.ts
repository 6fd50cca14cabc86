/** ML-KEM-768 (FIPS 203): a NIST case, the input checks of section 7, implicit rejection, wiping. */
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import type { Encapsulation } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { DEFAULT_SUITE, mlKem768Suite } from '../../src/crypto/suite.ts';
import acvp from './acvp-ml-kem-768.json' with { type: 'json' };
import { fixed, hex, implementations, kems, nativeKem, noble, unhex } from './implementations.ts';

const valid = unhex(acvp.encapsulation.ek);

/** The public key with coefficient `index` (0 to 767) replaced: ByteEncode12 of FIPS 203 section 4.2.1. */
function withCoefficient(index: number, value: number): Bytes {
  const key = valid.slice();
  const at = Math.floor(index / 2) * 3;
  const middle = key[at + 1] ?? 0;
  if (index % 2 === 0) {
    key[at] = value & 255;
    key[at + 1] = (middle & 0xf0) | (value >> 8);
  } else {
    key[at + 1] = (middle & 0x0f) | ((value & 15) << 4);
    key[at + 2] = value >> 4;
  }
  return key;
}

describe("noble's ML-KEM-768, from fixed randomness", () => {
  it('makes the key pair of the ACVP case, and decapsulates with it', async () => {
    const seed = unhex(acvp.keyGen.d + acvp.keyGen.z);
    const pair = await noble.mlKem768.generateKeyPair(fixed(seed));
    expect(hex(pair.publicKey)).toBe(acvp.keyGen.ek.toLowerCase());
    const { ciphertext, sharedSecret } = await noble.mlKem768.encapsulate(pair.publicKey, randomBytes);
    expect(hex(await pair.decapsulate(ciphertext))).toBe(hex(sharedSecret));
  });

  it('makes the encapsulation of the ACVP case', async () => {
    const { ciphertext, sharedSecret } = await noble.mlKem768.encapsulate(
      valid,
      fixed(unhex(acvp.encapsulation.m)),
    );
    expect(hex(ciphertext)).toBe(acvp.encapsulation.c.toLowerCase());
    expect(hex(sharedSecret)).toBe(acvp.encapsulation.k.toLowerCase());
  });

  it('wipes the randomness it was given', async () => {
    const drawn: Bytes[] = [];
    const recording = (length: number): Bytes => {
      const bytes = randomBytes(length);
      drawn.push(bytes);
      return bytes;
    };
    const pair = await noble.mlKem768.generateKeyPair(recording);
    await noble.mlKem768.encapsulate(pair.publicKey, recording);
    expect(drawn.map((bytes) => bytes.length)).toEqual([64, 32]);
    expect(drawn.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
  });

  it('makes no key of a generator that gives too little', () => {
    expect(() => noble.mlKem768.generateKeyPair(() => new Uint8Array(63))).toThrow();
    expect(() => noble.mlKem768.encapsulate(valid, () => new Uint8Array(31))).toThrow();
  });
});

describe.each(kems)('ML-KEM-768 by $name', ({ kem }) => {
  const encapsulate = async (publicKey: Bytes): Promise<Encapsulation> =>
    kem.encapsulate(publicKey, randomBytes);

  it('has the sizes of FIPS 203 table 3', async () => {
    expect(kem.ciphertextBytes).toBe(1088);
    const pair = await kem.generateKeyPair(randomBytes);
    const { ciphertext, sharedSecret } = await encapsulate(pair.publicKey);
    expect([pair.publicKey.length, ciphertext.length, sharedSecret.length]).toEqual([1184, 1088, 32]);
    for (const bytes of [pair.publicKey, ciphertext, sharedSecret, await pair.decapsulate(ciphertext)]) {
      expect(bytes.constructor).toBe(Uint8Array);
    }
  });

  it('never makes the same key or encapsulation twice', async () => {
    const [a, b] = [await kem.generateKeyPair(randomBytes), await kem.generateKeyPair(randomBytes)];
    expect(hex(a.publicKey)).not.toBe(hex(b.publicKey));
    const [c, d] = [await encapsulate(a.publicKey), await encapsulate(a.publicKey)];
    expect(hex(c.ciphertext)).not.toBe(hex(d.ciphertext));
    expect(hex(c.sharedSecret)).not.toBe(hex(d.sharedSecret));
  });

  it('rejects a ciphertext with one bit flipped implicitly: another secret, the same one each time', async () => {
    const pair = await kem.generateKeyPair(randomBytes);
    const { ciphertext, sharedSecret } = await encapsulate(pair.publicKey);
    for (const at of [0, 543, 1087]) {
      const altered = ciphertext.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      const rejected = await pair.decapsulate(altered);
      expect(rejected.length).toBe(32);
      expect(hex(rejected)).not.toBe(hex(sharedSecret));
      expect(hex(await pair.decapsulate(altered))).toBe(hex(rejected));
    }
  });

  it('refuses public keys of another length (section 7.2)', async () => {
    for (const length of [0, 1, 800, 1183, 1185, 1568]) {
      await expect(encapsulate(new Uint8Array(length))).rejects.toThrow(
        new RangeError('an ML-KEM-768 public key has 1184 bytes'),
      );
    }
  });

  it('refuses a public key with a coefficient of q or more, wherever it stands (section 7.2)', async () => {
    for (const index of [0, 1, 2, 255, 256, 511, 512, 766, 767]) {
      await expect(encapsulate(withCoefficient(index, 3328))).resolves.toBeDefined();
      for (const value of [3329, 3330, 4095]) {
        await expect(encapsulate(withCoefficient(index, value))).rejects.toThrow(RangeError);
      }
    }
  });

  it('refuses ciphertexts of another length (section 7.3)', async () => {
    const pair = await kem.generateKeyPair(randomBytes);
    for (const length of [0, 1, 1087, 1089, 1120]) {
      expect(() => pair.decapsulate(new Uint8Array(length))).toThrow(
        new RangeError('an ML-KEM-768 ciphertext has 1088 bytes'),
      );
    }
  });

  it('decapsulates nothing after wipe', async () => {
    const pair = await kem.generateKeyPair(randomBytes);
    const { ciphertext } = await encapsulate(pair.publicKey);
    pair.wipe();
    expect(() => pair.decapsulate(ciphertext)).toThrow('wiped');
    pair.wipe();
  });
});

describe.skipIf(nativeKem === undefined)('native and noble ML-KEM-768 together', () => {
  it('each opens what the other made, and rejects the same way', async () => {
    if (nativeKem === undefined) return;
    for (const [ours, theirs] of [
      [noble.mlKem768, nativeKem],
      [nativeKem, noble.mlKem768],
    ] as const) {
      const pair = await ours.generateKeyPair(randomBytes);
      const { ciphertext, sharedSecret } = await theirs.encapsulate(pair.publicKey, randomBytes);
      expect(hex(await pair.decapsulate(ciphertext))).toBe(hex(sharedSecret));
    }
  });
});

describe('the suite', () => {
  it.each(implementations)('ML-KEM-768 is the default and holds the KEM of $name', (primitives) => {
    const { name, kem } = mlKem768Suite(primitives);
    expect(name).toBe(DEFAULT_SUITE);
    expect(kem).toBe(primitives.mlKem768);
  });
});
