/** ML-DSA-65 (FIPS 204): known answers, everything that a signature binds, hedging, native and noble together. */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Bytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { force, forced } from '../../src/crypto/choice.ts';
import { loadSigner, loadVerifier } from '../../src/crypto/load-ml-dsa-65.ts';
import { createMlDsa65Signer, mlDsa65Verifier } from '../../src/crypto/ml-dsa-65.ts';
import { nodeMlDsa65 } from '../../src/crypto/node-ml-dsa-65.ts';
import { ML_DSA_65_PUBLIC_KEY_BYTES, ML_DSA_65_SIGNATURE_BYTES } from '../../src/crypto/signature.ts';
import { hex, unhex } from './implementations.ts';
import known from './known-ml-dsa-65.json' with { type: 'json' };
import { nativeSignatures, nobleSignatures, signatures } from './signatures.ts';

const SEED = new Uint8Array(32).fill(7);
const MESSAGE = latin1ToBytes('the transcript');
const CONTEXT = latin1ToBytes('nen/2 server');
const KNOWN = { pk: unhex(known.sign.pk), msg: unhex(known.sign.msg), ctx: unhex(known.sign.ctx) };

function flip(bytes: Bytes, bit: number): Bytes {
  const flipped = bytes.slice();
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

const before = forced();
afterEach(() => {
  vi.restoreAllMocks();
  force(before);
});

describe.each(signatures)('ML-DSA-65 by $name', ({ createSigner, verifier }) => {
  const signer = createSigner(SEED, 'mine');
  const verify = async (publicKey: Bytes, message: Bytes, signature: Bytes, context: Bytes) =>
    verifier.verify(publicKey, message, signature, context);

  it('makes the key of the ACVP case', () => {
    expect(hex(createSigner(unhex(known.keyGen.seed), 'acvp').publicKey)).toBe(known.keyGen.pk);
  });

  it('takes the signature of the Wycheproof case, and signs under the same key', async () => {
    expect(await verify(KNOWN.pk, KNOWN.msg, unhex(known.sign.sig), KNOWN.ctx)).toBe(true);
    const mine = createSigner(unhex(known.sign.seed), 'wycheproof');
    expect(hex(mine.publicKey)).toBe(known.sign.pk);
    const signature = await mine.sign(KNOWN.msg, KNOWN.ctx);
    expect(await verify(KNOWN.pk, KNOWN.msg, signature, KNOWN.ctx)).toBe(true);
  });

  it('has the sizes of FIPS 204 table 2, in plain byte arrays', async () => {
    const signature = await signer.sign(MESSAGE, CONTEXT);
    expect([signer.publicKey.length, signature.length]).toEqual([1952, 3309]);
    expect([ML_DSA_65_PUBLIC_KEY_BYTES, ML_DSA_65_SIGNATURE_BYTES]).toEqual([1952, 3309]);
    for (const bytes of [signer.publicKey, signature]) expect(bytes.constructor).toBe(Uint8Array);
    expect(signer.keyId).toBe('mine');
  });

  it('is hedged: two signatures of one message differ, and both verify', async () => {
    const [a, b] = [await signer.sign(MESSAGE, CONTEXT), await signer.sign(MESSAGE, CONTEXT)];
    expect(hex(a)).not.toBe(hex(b));
    const { secretKey } = ml_dsa65.keygen(SEED);
    const deterministic = ml_dsa65.sign(MESSAGE, secretKey, { context: CONTEXT, extraEntropy: false });
    for (const signature of [a, b]) {
      expect(hex(signature)).not.toBe(hex(deterministic));
      expect(await verify(signer.publicKey, MESSAGE, signature, CONTEXT)).toBe(true);
    }
  });

  it('verifies nothing under another context, message or key', async () => {
    const signature = await signer.sign(MESSAGE, CONTEXT);
    const other = createSigner(new Uint8Array(32).fill(8), 'other');
    for (const context of ['nen/2 client', '', 'nen/2 serve', 'nen/2 server ', 'Nen/2 server']) {
      expect(await verify(signer.publicKey, MESSAGE, signature, latin1ToBytes(context)), context).toBe(false);
    }
    // The context is apart from the message: its bytes can't be moved over.
    const moved = latin1ToBytes('serverthe transcript');
    expect(await verify(signer.publicKey, moved, signature, latin1ToBytes('nen/2 '))).toBe(false);
    expect(await verify(signer.publicKey, flip(MESSAGE, 3), signature, CONTEXT)).toBe(false);
    expect(await verify(signer.publicKey, new Uint8Array(0), signature, CONTEXT)).toBe(false);
    expect(await verify(other.publicKey, MESSAGE, signature, CONTEXT)).toBe(false);
  });

  it('verifies nothing with a bit of the signature or the key turned over', async () => {
    const signature = await signer.sign(MESSAGE, CONTEXT);
    for (let bit = 5; bit < signature.length * 8; bit += 1201) {
      expect(await verify(signer.publicKey, MESSAGE, flip(signature, bit), CONTEXT), `bit ${bit}`).toBe(
        false,
      );
    }
    for (let bit = 3; bit < signer.publicKey.length * 8; bit += 1201) {
      expect(await verify(flip(signer.publicKey, bit), MESSAGE, signature, CONTEXT), `bit ${bit}`).toBe(
        false,
      );
    }
  });

  it('never throws for a key, a signature or a context that is none', async () => {
    const signature = await signer.sign(MESSAGE, CONTEXT);
    for (const length of [0, 1, 1951, 1953, 2592]) {
      expect(await verify(new Uint8Array(length), MESSAGE, signature, CONTEXT)).toBe(false);
    }
    for (const length of [0, 1, 3308, 3310, 4627]) {
      expect(await verify(signer.publicKey, MESSAGE, new Uint8Array(length), CONTEXT)).toBe(false);
    }
    expect(await verify(signer.publicKey, MESSAGE, new Uint8Array(3309).fill(0xff), CONTEXT)).toBe(false);
    expect(await verify(signer.publicKey, MESSAGE, signature, new Uint8Array(256))).toBe(false);
  });

  it("keeps its key when the caller's seed is wiped, and the two agree whoever is asked", async () => {
    const seed = SEED.slice();
    const mine = createSigner(seed, 'mine');
    seed.fill(0);
    expect(hex(mine.publicKey)).toBe(hex(signer.publicKey));
    expect(await verify(signer.publicKey, MESSAGE, await mine.sign(MESSAGE, CONTEXT), CONTEXT)).toBe(true);
  });
});

describe.skipIf(nativeSignatures === undefined)('native and noble ML-DSA-65 together', () => {
  it('make the same keys, and each verifies what the other signed', async () => {
    if (nativeSignatures === undefined) return;
    for (let i = 0; i < 5; i++) {
      const seed = new Uint8Array(32).fill(i);
      const [a, b] = [nobleSignatures.createSigner(seed, 'a'), nativeSignatures.createSigner(seed, 'b')];
      expect(hex(a.publicKey)).toBe(hex(b.publicKey));
      for (const { verifier } of signatures) {
        for (const { publicKey, sign } of [a, b]) {
          const signature = await sign(MESSAGE, CONTEXT);
          expect(await verifier.verify(publicKey, MESSAGE, signature, CONTEXT)).toBe(true);
          expect(await verifier.verify(publicKey, MESSAGE, signature, MESSAGE)).toBe(false);
        }
      }
    }
  });
});

describe('the choice of an implementation', () => {
  it('refuses a seed of another length', async () => {
    for (const length of [0, 16, 31, 33, 64]) {
      expect(() => createMlDsa65Signer(new Uint8Array(length), 'x')).toThrow(
        new RangeError('an ML-DSA-65 seed has 32 bytes'),
      );
      await expect(loadSigner(new Uint8Array(length), 'x')).rejects.toThrow(RangeError);
    }
  });

  it('takes noble when told to', async () => {
    force('noble');
    expect(mlDsa65Verifier()).toBe(nobleSignatures.verifier);
    expect(await loadVerifier()).toBe(nobleSignatures.verifier);
    force(undefined);
    if (nativeSignatures !== undefined) expect(mlDsa65Verifier()).not.toBe(nobleSignatures.verifier);
  });

  it("takes no runtime's own that ignores the context, or throws, or lacks it", async () => {
    const crypto = await import('node:crypto');
    const pair = crypto.generateKeyPairSync('ed25519');
    const ignoring = {
      ...crypto,
      createPrivateKey: () => pair.privateKey,
      createPublicKey: () => pair.publicKey,
      sign: (_: null, data: Bytes) => crypto.sign(null, data, pair.privateKey),
      verify: (_: null, data: Bytes, __: unknown, signature: Bytes) =>
        crypto.verify(null, data, pair.publicKey, signature),
    };
    expect(nodeMlDsa65(ignoring as unknown as typeof crypto)).toBeUndefined();
    const throwing = {
      ...crypto,
      createPrivateKey: () => {
        throw new Error('not implemented');
      },
    };
    expect(nodeMlDsa65(throwing as unknown as typeof crypto)).toBeUndefined();
    expect(nodeMlDsa65({} as typeof crypto)).toBeUndefined();
  });

  it.skipIf(nativeSignatures === undefined)(
    "leaves no seed behind where the runtime's own fails",
    async () => {
      const crypto = await import('node:crypto');
      let failing = false;
      let encoded: Buffer | undefined;
      const native = nodeMlDsa65({
        ...crypto,
        createPrivateKey: ((key: { key: Buffer }) => {
          if (!failing) return crypto.createPrivateKey(key as never);
          encoded = key.key;
          throw new Error('out of memory');
        }) as typeof crypto.createPrivateKey,
      });
      failing = true;
      expect(() => native?.createSigner(SEED, 'x')).toThrow('out of memory');
      expect(encoded?.length).toBe(54);
      expect(encoded?.every((byte) => byte === 0)).toBe(true);
    },
  );
});
