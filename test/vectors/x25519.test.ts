/** Wycheproof: X25519, by noble and by the runtime. Points of low order are refused, all others computed alike. */
import { describe, expect, it } from 'vitest';
import { loadX25519 } from '../../src/crypto/x25519.ts';
import { nobleX25519 } from '../../src/crypto/x25519-noble.ts';
import { hex, unhex } from '../crypto/implementations.ts';
import { describeVectors, forEachTest, readJson, type VectorFile } from './vectors.ts';

interface XdhTest {
  readonly tcId: number;
  readonly flags: readonly string[];
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

const runtimeX25519 = await loadX25519();
const x25519s = [
  { name: 'noble', x25519: nobleX25519 },
  ...(runtimeX25519 === nobleX25519 ? [] : [{ name: 'the runtime', x25519: runtimeX25519 }]),
];

describeVectors('Wycheproof X25519', () => {
  describe.each(x25519s)('by $name', ({ x25519 }) => {
    it('x25519_test.json: 518 tests, of which the 31 with an all-zero secret are refused', async () => {
      const file = readJson<VectorFile<{ tests: readonly XdhTest[] }>>('wycheproof/x25519_test.json');
      let refused = 0;
      await forEachTest(file, 518, async (test) => {
        const pair = await x25519.keyPair(unhex(test.private));
        const derived = pair.deriveSecret(unhex(test.public));
        if (test.flags.includes('ZeroSharedSecret')) {
          await expect(derived).rejects.toThrow();
          refused++;
        } else expect(hex(await derived)).toBe(test.shared);
      });
      expect(refused).toBe(31);
    });
  });
});
