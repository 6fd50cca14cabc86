/** noble and node:crypto give the same bytes for the same input, whatever the input. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import { hex, noble, node } from './implementations.ts';

const bytes = (constraints: fc.IntArrayConstraints): fc.Arbitrary<Bytes> =>
  fc.uint8Array(constraints).map((array) => Uint8Array.from(array));
const exactly = (length: number): fc.Arbitrary<Bytes> => bytes({ minLength: length, maxLength: length });
const upTo = (maxLength: number): fc.Arbitrary<Bytes> => bytes({ maxLength, size: 'max' });

describe.skipIf(node === undefined)('noble and node:crypto', () => {
  const native = node ?? noble;

  it('seal alike, however the message is cut, and open what the other sealed', async () => {
    const pieces = fc.array(upTo(300), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(exactly(32), exactly(12), upTo(200), pieces, async (key, nonce, aad, message) => {
        const [a, b] = [noble.aeadKey(key), native.aeadKey(key)];
        const box = concatBytes(await a.seal(nonce, aad, message));
        expect(hex(concatBytes(await b.seal(nonce, aad, message)))).toBe(hex(box));
        const plain = hex(concatBytes(message));
        expect(hex(await a.open(nonce, aad, box))).toBe(plain);
        expect(hex(await b.open(nonce, aad, box))).toBe(plain);
      }),
    );
  });

  it('seal a megabyte alike, from memory at odd offsets', async () => {
    const memory = Uint8Array.from({ length: 1_048_583 }, (_, i) => (i * 31) ^ (i >> 8));
    const message = memory.subarray(3, 3 + 1_048_577);
    const [key, nonce, aad] = [memory.slice(1, 33), memory.subarray(5, 17), memory.subarray(7, 107)];
    const box = concatBytes(await noble.aeadKey(key).seal(nonce, aad, [message]));
    const other = concatBytes(await native.aeadKey(key).seal(nonce, aad, [message]));
    expect(Buffer.compare(box, other)).toBe(0);
    expect(Buffer.compare(await native.aeadKey(key).open(nonce, aad, box), message)).toBe(0);
    expect(Buffer.compare(await noble.aeadKey(key).open(nonce, aad, box), message)).toBe(0);
  });

  it('hash, authenticate and derive alike', () => {
    fc.assert(
      fc.property(upTo(200), upTo(500), (key, data) => {
        expect(hex(native.sha256(data))).toBe(hex(noble.sha256(data)));
        expect(hex(native.macKey(key).mac(data))).toBe(hex(noble.macKey(key).mac(data)));
        expect(hex(native.extract(key, data))).toBe(hex(noble.extract(key, data)));
        expect(hex(native.expand(native.macKey(key), data))).toBe(hex(noble.expand(noble.macKey(key), data)));
      }),
    );
  });
});
