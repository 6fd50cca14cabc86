/** ChaCha20-Poly1305 (RFC 8439): known answers, forgeries, the end of a key. */
import { describe, expect, it, vi } from 'vitest';
import { type Bytes, concatBytes, utf8ToBytes } from '../../src/crypto/bytes.ts';
import { AeadError } from '../../src/crypto/primitives.ts';
import { hex, implementations, noble, unhex } from './implementations.ts';

// RFC 8439 section 2.8.2.
const KEY = unhex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
const NONCE = unhex('070000004041424344454647');
const AAD = unhex('50515253c0c1c2c3c4c5c6c7');
const PLAIN = utf8ToBytes(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);
const BOX = unhex(`
  d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
  3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
  92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
  3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691`);

describe.each(implementations)('ChaCha20-Poly1305 by $name', (primitives) => {
  const key = primitives.aeadKey(KEY);
  const seal = async (pieces: readonly Bytes[], aad = AAD): Promise<Bytes> =>
    concatBytes(await key.seal(NONCE, aad, pieces));

  it('gives the bytes of RFC 8439 section 2.8.2, both ways', async () => {
    expect(hex(await seal([PLAIN]))).toBe(hex(BOX));
    expect(hex(await key.open(NONCE, AAD, BOX))).toBe(hex(PLAIN));
  });

  it('seals pieces as one message, wherever it is cut', async () => {
    for (let cut = 0; cut <= PLAIN.length; cut++) {
      expect(hex(await seal([PLAIN.subarray(0, cut), PLAIN.subarray(cut)]))).toBe(hex(BOX));
    }
    const single = Array.from({ length: PLAIN.length }, (_, i) => PLAIN.subarray(i, i + 1));
    expect(hex(await seal(single))).toBe(hex(BOX));
  });

  it('leaves what it is given as it was', async () => {
    const pieces = [PLAIN.slice(0, 50), PLAIN.slice(50)];
    const box = BOX.slice();
    await seal(pieces);
    await key.open(NONCE, AAD, box);
    expect(hex(concatBytes(pieces))).toBe(hex(PLAIN));
    expect(hex(box)).toBe(hex(BOX));
  });

  it('seals nothing at all to a tag, with and without associated data', async () => {
    for (const aad of [AAD, new Uint8Array(0)]) {
      for (const pieces of [[], [new Uint8Array(0)]]) {
        const box = await seal(pieces, aad);
        expect(box.length).toBe(16);
        expect((await key.open(NONCE, aad, box)).length).toBe(0);
      }
    }
  });

  it('gives plain Uint8Arrays, whose slice copies', async () => {
    const [piece] = await key.seal(NONCE, AAD, [PLAIN]);
    expect(piece?.constructor).toBe(Uint8Array);
    expect((await key.open(NONCE, AAD, BOX)).constructor).toBe(Uint8Array);
  });

  const opening = async (box: Bytes, nonce = NONCE, aad = AAD): Promise<Bytes> => key.open(nonce, aad, box);

  it('refuses a box with any one bit flipped', async () => {
    for (let bit = 0; bit < BOX.length * 8; bit++) {
      const forged = BOX.slice();
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(opening(forged)).rejects.toThrow(AeadError);
    }
  });

  it('refuses a box cut to any length, or longer', async () => {
    for (let length = 0; length < BOX.length; length++) {
      await expect(opening(BOX.subarray(0, length))).rejects.toThrow(AeadError);
    }
    await expect(opening(concatBytes([BOX, new Uint8Array(1)]))).rejects.toThrow(AeadError);
  });

  it('refuses a box under another nonce, other associated data, another key', async () => {
    await expect(opening(BOX, new Uint8Array(12))).rejects.toThrow(AeadError);
    await expect(opening(BOX, NONCE, new Uint8Array(0))).rejects.toThrow(AeadError);
    await expect(opening(BOX, NONCE, AAD.subarray(1))).rejects.toThrow(AeadError);
    const other = primitives.aeadKey(NONCE.length === 12 ? new Uint8Array(32) : KEY);
    await expect((async () => other.open(NONCE, AAD, BOX))()).rejects.toThrow(AeadError);
  });

  it('says nothing about why a box is refused', async () => {
    const failures: unknown[] = [];
    for (const box of [new Uint8Array(0), new Uint8Array(15), new Uint8Array(16), BOX.subarray(1)]) {
      failures.push(await opening(box).catch((error: unknown) => String(error)));
    }
    expect(new Set(failures)).toEqual(new Set(['AeadError: not authentic']));
  });

  it('refuses nonces and keys of another length, on either implementation alike', async () => {
    for (const length of [0, 8, 11, 13, 24]) {
      const nonce = new Uint8Array(length);
      const refused = new RangeError('a ChaCha20-Poly1305 nonce has 12 bytes');
      expect(() => key.seal(nonce, AAD, [PLAIN])).toThrow(refused);
      expect(() => key.open(nonce, AAD, BOX)).toThrow(refused);
    }
    for (const length of [0, 16, 31, 33]) {
      const refused = new RangeError('a ChaCha20-Poly1305 key has 32 bytes');
      expect(() => primitives.aeadKey(new Uint8Array(length))).toThrow(refused);
    }
  });

  it('keeps a copy of the key', async () => {
    const raw = KEY.slice();
    const copied = primitives.aeadKey(raw);
    raw.fill(0);
    expect(hex(concatBytes(await copied.seal(NONCE, AAD, [PLAIN])))).toBe(hex(BOX));
  });

  it('does nothing more after wipe, least of all sealing under zeros', () => {
    const mortal = primitives.aeadKey(KEY);
    mortal.wipe();
    expect(() => mortal.seal(NONCE, AAD, [PLAIN])).toThrow('wiped');
    expect(() => mortal.open(NONCE, AAD, BOX)).toThrow('wiped');
    mortal.wipe();
  });
});

describe("noble's key", () => {
  it('is zeroed by wipe: the copy that was made of it, not the original', () => {
    const set = vi.spyOn(Uint8Array.prototype, 'set');
    const raw = KEY.slice();
    const mortal = noble.aeadKey(raw);
    const copy = set.mock.contexts[0] as Bytes;
    set.mockRestore();
    expect(hex(copy)).toBe(hex(KEY));
    mortal.wipe();
    expect(hex(copy)).toBe('00'.repeat(32));
    expect(hex(raw)).toBe(hex(KEY));
  });
});
