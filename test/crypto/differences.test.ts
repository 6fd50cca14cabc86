/**
 * Our cryptography against OpenSSL's, by way of node:crypto. Against BoringSSL's: test/e2e/web-crypto.test.ts.
 * In full by npm run test:nodes, on each Node.
 */
import * as crypto from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, viewOf } from '../../src/crypto/bytes.ts';
import { nativeFromSeed } from '../vectors/native-ml-kem.ts';
import { caseCounts, compareAeads, compareKems, type OtherAead, type OtherKem } from './differences.ts';
import { implementations, kems, nativeKem, unhex } from './implementations.ts';

const counts = caseCounts(process.env.NEN_CRYPTO_CASES === 'all');
const CIPHER = 'chacha20-poly1305';
const TAG_LENGTH = { authTagLength: 16 };
const UNUSED = { plaintextLength: 0 };

const opensslAead: OtherAead = {
  seal(key, nonce, aad, message) {
    const cipher = crypto.createCipheriv(CIPHER, key, nonce, TAG_LENGTH);
    cipher.setAAD(aad, UNUSED);
    return viewOf(Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()]));
  },
  open(key, nonce, aad, box) {
    const decipher = crypto.createDecipheriv(CIPHER, key, nonce, TAG_LENGTH);
    decipher.setAAD(aad, UNUSED);
    decipher.setAuthTag(box.subarray(-16));
    return viewOf(Buffer.concat([decipher.update(box.subarray(0, -16)), decipher.final()]));
  },
};

/** SubjectPublicKeyInfo of ML-KEM-768 as far as the key itself (RFC 9935 section 4). */
const SPKI_PREFIX = unhex('308204b2 300b 0609608648016503040402 038204a1 00');

const opensslKem: OtherKem = {
  fromSeed: nativeFromSeed,
  encapsulate(publicKey) {
    const native = crypto as typeof crypto & {
      encapsulate(key: crypto.KeyObject): { sharedKey: Buffer; ciphertext: Buffer };
    };
    const der = Buffer.from(concatBytes([SPKI_PREFIX, publicKey]));
    const { sharedKey, ciphertext } = native.encapsulate(
      crypto.createPublicKey({ key: der, format: 'der', type: 'spki' }),
    );
    return { ciphertext: viewOf(ciphertext), sharedSecret: viewOf(sharedKey) };
  },
};

// Once is enough: which implementation is compared doesn't depend on the choice.
describe.skipIf(process.env.NEN_TEST_CRYPTO === 'noble')(
  `against OpenSSL ${process.versions.openssl}`,
  () => {
    it.each(implementations)(
      `${counts.aead} cases of ChaCha20-Poly1305 by $name, 0 differences`,
      async (ours) => {
        const { cases, differences } = await compareAeads(ours, opensslAead, counts.aead);
        expect(differences).toEqual([]);
        expect(cases).toBe(counts.aead);
      },
      120_000,
    );

    // A runtime's own keys come from no seed of ours: only noble's can be compared.
    it.skipIf(nativeKem === undefined)(
      `${counts.kem} cases of ML-KEM-768, 0 differences`,
      async () => {
        const [noble] = kems;
        if (noble === undefined) throw new Error('no noble');
        const { cases, differences } = await compareKems(noble.kem, opensslKem, counts.kem);
        expect(differences).toEqual([]);
        expect(cases).toBe(counts.kem);
      },
      120_000,
    );

    it('a difference is found and named', async () => {
      const [ours] = implementations;
      if (ours === undefined) throw new Error('no primitives');
      let calls = 0;
      const wrong: OtherAead = {
        seal: async (...input) => {
          const box = await opensslAead.seal(...input);
          if (++calls === 7) box[0] = (box[0] ?? 0) ^ 1;
          return box;
        },
        open: opensslAead.open,
      };
      expect((await compareAeads(ours, wrong, 10)).differences).toEqual(['6: the box']);
    });
  },
);
