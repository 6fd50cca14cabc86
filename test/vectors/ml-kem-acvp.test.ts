/** NIST ACVP: ML-KEM-768 key generation, encapsulation, decapsulation and the key checks of FIPS 203 section 7. */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { expect, it } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import type { Encapsulation, Kem } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { fixed, hex, kems, nativeKem, noble, unhex } from '../crypto/implementations.ts';
import { nativeFromSeed } from './native-ml-kem.ts';
import { describeVectors, forEachTest, readJson, type VectorFile } from './vectors.ts';

interface KeyGenTest {
  readonly tcId: number;
  readonly d: string;
  readonly z: string;
  readonly ek: string;
  readonly dk: string;
}

interface EncapDecapTest extends KeyGenTest {
  readonly m: string;
  readonly c: string;
  readonly k: string;
  readonly testPassed: boolean;
}

interface Group {
  readonly function: 'encapsulation' | 'decapsulation' | 'encapsulationKeyCheck' | 'decapsulationKeyCheck';
  readonly keyFormat?: 'none' | 'seed' | 'expanded';
}

const encapsulate = async (kem: Kem, ek: Bytes, random = randomBytes): Promise<Encapsulation> =>
  kem.encapsulate(ek, random);

async function checkEncapDecap(test: EncapDecapTest, group: Group): Promise<void> {
  const expectedSecret = test.k?.toLowerCase();
  switch (group.function) {
    case 'encapsulation': {
      const { ciphertext, sharedSecret } = await encapsulate(
        noble.mlKem768,
        unhex(test.ek),
        fixed(unhex(test.m)),
      );
      expect([hex(ciphertext), hex(sharedSecret)]).toEqual([test.c.toLowerCase(), expectedSecret]);
      return;
    }
    case 'decapsulation': {
      if (group.keyFormat === 'seed') {
        const pair = await noble.mlKem768.generateKeyPair(fixed(unhex(test.d + test.z)));
        expect(hex(await pair.decapsulate(unhex(test.c)))).toBe(expectedSecret);
        if (nativeKem === undefined) return;
        expect(hex(nativeFromSeed(unhex(test.d + test.z)).decapsulate(unhex(test.c)))).toBe(expectedSecret);
      } else {
        expect(hex(ml_kem768.decapsulate(unhex(test.c), unhex(test.dk)))).toBe(expectedSecret);
      }
      return;
    }
    case 'encapsulationKeyCheck':
      for (const { kem } of kems) {
        const made = encapsulate(kem, unhex(test.ek));
        if (test.testPassed) expect((await made).sharedSecret.length).toBe(32);
        else await expect(made).rejects.toThrow(RangeError);
      }
      return;
    case 'decapsulationKeyCheck': {
      const decapsulate = (): Uint8Array => ml_kem768.decapsulate(new Uint8Array(1088), unhex(test.dk));
      if (test.testPassed) expect(decapsulate().length).toBe(32);
      else expect(decapsulate).toThrow('hash check');
    }
  }
}

describeVectors('NIST ACVP ML-KEM-768', () => {
  it('keyGen: 25 tests', async () => {
    const file = readJson<VectorFile<{ tests: readonly KeyGenTest[] }>>(
      'acvp/ML-KEM-768-keyGen-FIPS203.json',
    );
    await forEachTest(file, 25, async (test) => {
      const seed = unhex(test.d + test.z);
      const pair = await noble.mlKem768.generateKeyPair(fixed(seed));
      expect(hex(pair.publicKey)).toBe(test.ek.toLowerCase());
      expect(hex(ml_kem768.keygen(seed).secretKey)).toBe(test.dk.toLowerCase());
      if (nativeKem !== undefined) expect(hex(nativeFromSeed(seed).publicKey)).toBe(test.ek.toLowerCase());
    });
  });

  it.each([
    ['acvp/ML-KEM-768-encapDecap-FIPS203.json', 55],
    ['acvp/ML-KEM-768-encapDecap-FIPS203-tr1.json', 65],
  ])('%s: %i tests', async (path, count) => {
    const file = readJson<VectorFile<Group & { tests: readonly EncapDecapTest[] }>>(path);
    await forEachTest(file, count, checkEncapDecap);
  });
});
