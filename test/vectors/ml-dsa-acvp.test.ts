/** NIST ACVP: ML-DSA-65 key generation and verification (FIPS 204); and CCTV's accumulated signatures. */
import { shake128 } from '@noble/hashes/sha3.js';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { describe, expect, it } from 'vitest';
import { latin1ToBytes } from '../../src/crypto/bytes.ts';
import { hex, unhex } from '../crypto/implementations.ts';
import { signatures } from '../crypto/signatures.ts';
import { describeVectors, forEachTest, readJson, type VectorFile } from './vectors.ts';

interface KeyGenTest {
  readonly tcId: number;
  readonly seed: string;
  readonly pk: string;
  readonly sk: string;
}

interface SigVerTest {
  readonly tcId: number;
  readonly testPassed: boolean;
  readonly pk: string;
  readonly message?: string;
  readonly mu?: string;
  readonly context?: string;
  readonly signature: string;
}

interface SigVerGroup {
  readonly signatureInterface: 'external' | 'internal';
  readonly externalMu: boolean;
  readonly tests: readonly SigVerTest[];
}

/** 100 take half a second; 10000 (NEN_LONG=1) a minute. */
const SIGNATURES = process.env.NEN_LONG === '1' ? 10_000 : 100;

describeVectors('NIST ACVP ML-DSA-65', () => {
  describe.each(signatures)('by $name', ({ verifier, createSigner }) => {
    it('keyGen: 25 tests', async () => {
      const file = readJson<VectorFile<{ tests: readonly KeyGenTest[] }>>(
        'acvp/ML-DSA-65-keyGen-FIPS204.json',
      );
      const message = latin1ToBytes('message');
      await forEachTest(file, 25, async ({ seed, pk, sk }) => {
        const signer = createSigner(unhex(seed), 'acvp');
        expect(hex(signer.publicKey)).toBe(pk.toLowerCase());
        expect(hex(ml_dsa65.keygen(unhex(seed)).secretKey)).toBe(sk.toLowerCase());
        const signature = await signer.sign(message, message);
        expect(await verifier.verify(unhex(pk), message, signature, message)).toBe(true);
      });
    });

    it('sigVer: 15 tests of the external function, pure', async () => {
      const { testGroups } = readJson<VectorFile<SigVerGroup>>('acvp/ML-DSA-65-sigVer-FIPS204.json');
      const external = testGroups.filter((group) => group.signatureInterface === 'external');
      const verdicts = new Set<boolean>();
      await forEachTest({ testGroups: external }, 15, async (test) => {
        const [message, context] = [unhex(test.message ?? ''), unhex(test.context ?? '')];
        const good = await verifier.verify(unhex(test.pk), message, unhex(test.signature), context);
        expect(good).toBe(test.testPassed);
        verdicts.add(good);
      });
      expect(verdicts.size).toBe(2);
    });
  });

  it('sigVer: 30 tests of the internal function, by raw noble', async () => {
    const { testGroups } = readJson<VectorFile<SigVerGroup>>('acvp/ML-DSA-65-sigVer-FIPS204.json');
    const internal = testGroups.filter((group) => group.signatureInterface === 'internal');
    await forEachTest({ testGroups: internal }, 30, (test, { externalMu }) => {
      const message = unhex((externalMu ? test.mu : test.message) ?? '');
      const verify = (): boolean =>
        ml_dsa65.internal.verify(unhex(test.signature), message, unhex(test.pk), { externalMu });
      expect(verify()).toBe(test.testPassed);
    });
  });
});

describeVectors('CCTV ML-DSA-65', () => {
  it(`accumulated: ${SIGNATURES} keys and deterministic signatures of nothing`, { timeout: 240_000 }, () => {
    const { 'ML-DSA-65': hashes } = readJson<Record<string, Record<string, string>>>('cctv/accumulated.json');
    const input = shake128.create();
    const output = shake128.create();
    const nothing = new Uint8Array(0);
    for (let i = 0; i < SIGNATURES; i++) {
      const { publicKey, secretKey } = ml_dsa65.keygen(input.xof(32));
      output.update(publicKey).update(ml_dsa65.sign(nothing, secretKey, { extraEntropy: false }));
    }
    expect(hex(output.xof(32))).toBe(hashes?.[SIGNATURES]);
  });
});
