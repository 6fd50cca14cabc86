/**
 * Wycheproof: ML-DSA-65. Verification by every implementation. Our signers are hedged and take no randomness
 * from outside, so the signatures themselves are compared with raw noble's, and a signer of each seed must make
 * one that verifies.
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { describe, expect, it } from 'vitest';
import { hex, unhex } from '../crypto/implementations.ts';
import { signatures } from '../crypto/signatures.ts';
import { describeVectors, forEachTest, readJson, type VectorFile, type WycheproofTest } from './vectors.ts';

type File<Test, Group = unknown> = VectorFile<Group & { readonly tests: readonly Test[] }>;

interface VerifyTest extends WycheproofTest {
  readonly msg: string;
  readonly ctx?: string;
  readonly sig: string;
}

interface SignTest extends WycheproofTest {
  /** Absent in tests of the internal function, which get mu alone. */
  readonly msg?: string;
  readonly mu?: string;
  readonly ctx?: string;
  readonly rnd?: string;
  readonly sig: string;
}

interface SeedGroup {
  readonly privateSeed: string;
  readonly publicKey: string;
}

/** The signature by raw noble: deterministic, or with the randomness of the test. */
function signRaw(secretKey: Uint8Array, { msg, mu, ctx = '', rnd }: SignTest): string {
  const extraEntropy = rnd === undefined ? (false as const) : unhex(rnd);
  return hex(
    msg === undefined
      ? ml_dsa65.internal.sign(unhex(mu ?? ''), secretKey, { extraEntropy, externalMu: true })
      : ml_dsa65.sign(unhex(msg), secretKey, { context: unhex(ctx), extraEntropy }),
  );
}

describeVectors('Wycheproof ML-DSA-65', () => {
  describe.each(signatures)('by $name', ({ verifier, createSigner }) => {
    it('mldsa_65_verify_test.json: 210 tests, of which 131 are refused', async () => {
      const file = readJson<File<VerifyTest, { publicKey: string }>>('wycheproof/mldsa_65_verify_test.json');
      let refused = 0;
      await forEachTest(file, 210, async ({ msg, ctx = '', sig, result }, { publicKey }) => {
        const good = await verifier.verify(unhex(publicKey), unhex(msg), unhex(sig), unhex(ctx));
        expect(good).toBe(result === 'valid');
        if (!good) refused++;
      });
      expect(refused).toBe(131);
    });

    it('mldsa_65_sign_seed_test.json: 105 tests, the keys of their seeds and signatures of them', async () => {
      const file = readJson<File<SignTest, SeedGroup>>('wycheproof/mldsa_65_sign_seed_test.json');
      await forEachTest(file, 105, async ({ msg = '', ctx = '', sig, result, mu }, group) => {
        const seed = unhex(group.privateSeed);
        if (seed.length !== 32) {
          expect(result).toBe('invalid');
          expect(() => createSigner(seed, 'x')).toThrow(RangeError);
          return;
        }
        const signer = createSigner(seed, 'x');
        expect(hex(signer.publicKey)).toBe(group.publicKey);
        const [message, context] = [unhex(msg), unhex(ctx)];
        if (result === 'invalid') {
          await expect(async () => signer.sign(message, context)).rejects.toThrow();
          return;
        }
        const mine = await signer.sign(message, context);
        expect(await verifier.verify(signer.publicKey, message, mine, context)).toBe(true);
        const isInternal = msg === '' && mu !== undefined && sig !== '' && context.length === 0;
        if (!isInternal)
          expect(await verifier.verify(signer.publicKey, message, unhex(sig), context)).toBe(true);
      });
    });
  });

  it('mldsa_65_sign_seed_test.json: 105 tests, the very signatures by raw noble', async () => {
    const file = readJson<File<SignTest, SeedGroup>>('wycheproof/mldsa_65_sign_seed_test.json');
    await forEachTest(file, 105, (test, { privateSeed, publicKey }) => {
      const sign = (): string => {
        const pair = ml_dsa65.keygen(unhex(privateSeed));
        expect(hex(pair.publicKey)).toBe(publicKey);
        return signRaw(pair.secretKey, test);
      };
      if (test.result === 'valid') expect(sign()).toBe(test.sig);
      else expect(sign).toThrow();
    });
  });

  it('mldsa_65_sign_noseed_test.json: 78 tests by raw noble: the library itself never imports such a key', async () => {
    const file = readJson<File<SignTest, { privateKey: string }>>(
      'wycheproof/mldsa_65_sign_noseed_test.json',
    );
    let outOfRange = 0;
    await forEachTest(file, 78, (test, { privateKey }) => {
      const sign = (): string => signRaw(unhex(privateKey), test);
      if (test.result === 'valid') expect(sign()).toBe(test.sig);
      else {
        expect(sign).toThrow();
        outOfRange++;
      }
    });
    expect(outOfRange).toBe(5);
  });
});
