/**
 * Wycheproof: ML-KEM-768. noble gives the very bytes; a native implementation draws its own randomness, so
 * of it the input checks, and keys and secrets from a seed, are tested. Decapsulation from an expanded key is
 * raw noble: the library itself never imports one.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import type { Encapsulation, Kem, KemKeyPair } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { fixed, hex, kems, nativeKem, noble, unhex } from '../crypto/implementations.ts';
import { nativeFromSeed } from './native-ml-kem.ts';
import { describeVectors, forEachTest, readJson, type VectorFile, type WycheproofTest } from './vectors.ts';

type File<Test> = VectorFile<{ readonly tests: readonly Test[] }>;

interface KeygenTest extends WycheproofTest {
  readonly seed: string;
  readonly ek: string;
  readonly dk: string;
}

interface EncapsTest extends WycheproofTest {
  readonly m: string;
  readonly ek: string;
  readonly c: string;
  readonly K: string;
}

interface SeedTest extends WycheproofTest {
  readonly seed: string;
  readonly ek?: string;
  readonly c: string;
  readonly K: string;
}

interface SemiExpandedTest extends WycheproofTest {
  readonly dk: string;
  readonly c: string;
  readonly K?: string;
}

const encapsulate = async (kem: Kem, ek: Bytes, random = randomBytes): Promise<Encapsulation> =>
  kem.encapsulate(ek, random);

describeVectors('Wycheproof ML-KEM-768', () => {
  it('mlkem_768_keygen_seed_test.json: 100 tests', async () => {
    const file = readJson<File<KeygenTest>>('wycheproof/mlkem_768_keygen_seed_test.json');
    await forEachTest(file, 100, async (test) => {
      const seed = unhex(test.seed);
      expect(hex((await noble.mlKem768.generateKeyPair(fixed(seed))).publicKey)).toBe(test.ek);
      expect(hex(ml_kem768.keygen(seed).secretKey)).toBe(test.dk);
      if (nativeKem !== undefined) expect(hex(nativeFromSeed(seed).publicKey)).toBe(test.ek);
    });
  });

  it('mlkem_768_encaps_test.json: 265 tests, by noble', async () => {
    const file = readJson<File<EncapsTest>>('wycheproof/mlkem_768_encaps_test.json');
    await forEachTest(file, 265, async (test) => {
      const made = encapsulate(noble.mlKem768, unhex(test.ek), fixed(unhex(test.m)));
      if (test.result === 'valid') {
        const { ciphertext, sharedSecret } = await made;
        expect([hex(ciphertext), hex(sharedSecret)]).toEqual([test.c, test.K]);
      } else {
        await expect(made).rejects.toThrow(RangeError);
      }
    });
  });

  describe.each(kems)('by $name', ({ kem }) => {
    it('mlkem_768_encaps_test.json: 265 public keys, of which 132 are refused', async () => {
      const file = readJson<File<EncapsTest>>('wycheproof/mlkem_768_encaps_test.json');
      let refused = 0;
      await forEachTest(file, 265, async (test) => {
        const made = encapsulate(kem, unhex(test.ek));
        if (test.result === 'valid') {
          expect((await made).ciphertext.length).toBe(1088);
        } else {
          await expect(made).rejects.toThrow(RangeError);
          refused++;
        }
      });
      expect(refused).toBe(132);
    });
  });

  it('mlkem_768_test.json: 193 decapsulations from a seed', async () => {
    const file = readJson<File<SeedTest>>('wycheproof/mlkem_768_test.json');
    await forEachTest(file, 193, async (test) => {
      const [seed, ciphertext] = [unhex(test.seed), unhex(test.c)];
      const pair = async (): Promise<KemKeyPair> => noble.mlKem768.generateKeyPair(() => seed.slice());
      if (seed.length !== 64) {
        expect(test.result).toBe('invalid');
        await expect(pair()).rejects.toThrow(RangeError);
        return;
      }
      const { publicKey, decapsulate } = await pair();
      expect(hex(publicKey)).toBe(test.ek);
      if (test.result === 'invalid') {
        expect(() => decapsulate(ciphertext)).toThrow(RangeError);
        return;
      }
      expect(hex(await decapsulate(ciphertext))).toBe(test.K);
      if (nativeKem !== undefined) expect(hex(nativeFromSeed(seed).decapsulate(ciphertext))).toBe(test.K);
    });
  });

  it('mlkem_768_semi_expanded_decaps_test.json: 9 tests', async () => {
    const file = readJson<File<SemiExpandedTest>>('wycheproof/mlkem_768_semi_expanded_decaps_test.json');
    await forEachTest(file, 9, (test) => {
      const decapsulate = (): Uint8Array => ml_kem768.decapsulate(unhex(test.c), unhex(test.dk));
      if (test.result === 'valid') expect(hex(decapsulate())).toBe(test.K);
      else expect(decapsulate).toThrow();
    });
  });
});
