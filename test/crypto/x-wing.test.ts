/** X-Wing and its X25519: both halves count, points of low order are refused, secrets are wiped. */
import { describe, expect, it, vi } from 'vitest';
import { type Bytes, concatBytes } from '../../src/crypto/bytes.ts';
import type { Encapsulation, Kem, KemKeyPair } from '../../src/crypto/primitives.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { isSuiteName, loadSuite } from '../../src/crypto/suite.ts';
import { createXWing } from '../../src/crypto/x-wing.ts';
import { loadX25519 } from '../../src/crypto/x25519.ts';
import { nobleX25519 } from '../../src/crypto/x25519-noble.ts';
import { hex, implementations, kems, noble, unhex } from './implementations.ts';

const runtimeX25519 = await loadX25519();
const x25519s = [
  { name: 'noble', x25519: nobleX25519 },
  ...(runtimeX25519 === nobleX25519 ? [] : [{ name: 'the runtime', x25519: runtimeX25519 }]),
];

/** RFC 7748 section 5.2 and RFC 8037 section A.6: secret, public key, shared secret. */
const KNOWN = [
  [
    'a046e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449a44',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  ],
] as const;

/** All points of small order on the curve and its twist, in every spelling. */
const LOW_ORDER: readonly Bytes[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((text) => {
  const point = unhex(text);
  return [point, point.with(31, (point[31] ?? 0) | 0x80) as Bytes];
});

describe.each(x25519s)('X25519 by $name', ({ x25519 }) => {
  it.each(KNOWN)('gives the shared secret of the RFCs (secret %s)', async (secret, point, shared) => {
    const pair = await x25519.keyPair(unhex(secret));
    expect(hex(await pair.deriveSecret(unhex(point)))).toBe(shared);
  });

  it('refuses points of low order: an all-zero secret is nobody’s', async () => {
    const pair = await x25519.keyPair(randomBytes(32));
    for (const point of LOW_ORDER) await expect(pair.deriveSecret(point), hex(point)).rejects.toThrow();
  });

  it('takes no key of another length', async () => {
    const pair = await x25519.keyPair(randomBytes(32));
    for (const length of [0, 31, 33]) {
      await expect(pair.deriveSecret(new Uint8Array(length))).rejects.toThrow();
      await expect(x25519.keyPair(new Uint8Array(length).fill(1))).rejects.toThrow();
    }
  });

  it('derives nothing after wipe', async () => {
    const pair = await x25519.keyPair(randomBytes(32));
    pair.wipe();
    await expect(pair.deriveSecret(pair.publicKey)).rejects.toThrow('wiped');
    pair.wipe();
  });

  it("leaves the caller's secret as it is", async () => {
    const secret = randomBytes(32);
    const copy = secret.slice();
    const pair = await x25519.keyPair(secret);
    pair.wipe();
    expect(hex(secret)).toBe(hex(copy));
  });
});

describe.each(kems)('X-Wing over ML-KEM-768 by $name', ({ kem: mlKem768 }) => {
  const kem: Kem = createXWing(mlKem768);
  const exchange = async (): Promise<{ pair: KemKeyPair; made: Encapsulation }> => {
    const pair = await kem.generateKeyPair(randomBytes);
    return { pair, made: await kem.encapsulate(pair.publicKey, randomBytes) };
  };

  it('has the sizes of the draft, in plain byte arrays', async () => {
    expect(kem.ciphertextBytes).toBe(1120);
    const { pair, made } = await exchange();
    const { ciphertext, sharedSecret } = made;
    expect([pair.publicKey.length, ciphertext.length, sharedSecret.length]).toEqual([1216, 1120, 32]);
    for (const bytes of [pair.publicKey, ciphertext, sharedSecret])
      expect(bytes.constructor).toBe(Uint8Array);
    expect(hex(await pair.decapsulate(ciphertext))).toBe(hex(sharedSecret));
  });

  it('never makes the same key or encapsulation twice', async () => {
    const [a, b] = [await exchange(), await exchange()];
    const again = await kem.encapsulate(a.pair.publicKey, randomBytes);
    for (const half of [
      (bytes: Bytes) => hex(bytes.subarray(0, -32)),
      (bytes: Bytes) => hex(bytes.subarray(-32)),
    ]) {
      expect(half(a.pair.publicKey)).not.toBe(half(b.pair.publicKey));
      expect(half(a.made.ciphertext)).not.toBe(half(again.ciphertext));
    }
    expect(hex(a.made.sharedSecret)).not.toBe(hex(again.sharedSecret));
  });

  it('gives another secret for a bit turned over in either half of the ciphertext', async () => {
    const { pair, made } = await exchange();
    for (const at of [0, 500, 1087, 1088, 1100, 1119]) {
      const altered = made.ciphertext.with(at, (made.ciphertext[at] ?? 0) ^ 4) as Bytes;
      expect(hex(await pair.decapsulate(altered)), `byte ${at}`).not.toBe(hex(made.sharedSecret));
    }
  });

  it('gives another secret if either half of the public key was swapped on the way', async () => {
    const [a, b] = [await exchange(), await exchange()];
    const [pkA, pkB] = [a.pair.publicKey, b.pair.publicKey];
    for (const mixed of [
      concatBytes([pkA.subarray(0, 1184), pkB.subarray(1184)]),
      concatBytes([pkB.subarray(0, 1184), pkA.subarray(1184)]),
    ]) {
      const made = await kem.encapsulate(mixed, randomBytes);
      expect(hex(await a.pair.decapsulate(made.ciphertext))).not.toBe(hex(made.sharedSecret));
    }
  });

  it('distinguishes spellings of one X25519 point: the spelling is part of the secret', async () => {
    const { pair, made } = await exchange();
    const respelled = made.ciphertext.with(1119, (made.ciphertext[1119] ?? 0) | 0x80) as Bytes;
    expect(hex(await pair.decapsulate(respelled))).not.toBe(hex(made.sharedSecret));
  });

  it('refuses public keys of low order, and ciphertexts too', async () => {
    const { pair, made } = await exchange();
    for (const point of LOW_ORDER) {
      const publicKey = concatBytes([pair.publicKey.subarray(0, 1184), point]);
      await expect(kem.encapsulate(publicKey, randomBytes), hex(point)).rejects.toThrow();
      const ciphertext = concatBytes([made.ciphertext.subarray(0, 1088), point]);
      await expect(pair.decapsulate(ciphertext), hex(point)).rejects.toThrow();
    }
    expect(hex(await pair.decapsulate(made.ciphertext))).toBe(hex(made.sharedSecret));
  });

  it('refuses keys and ciphertexts of another length, and an ML-KEM half that fails its check', async () => {
    const { pair } = await exchange();
    for (const length of [0, 32, 1184, 1215, 1217, 2432]) {
      expect(() => kem.checkPublicKey(new Uint8Array(length))).toThrow(RangeError);
      await expect(kem.encapsulate(new Uint8Array(length), randomBytes)).rejects.toThrow(RangeError);
    }
    for (const length of [0, 32, 1088, 1119, 1121]) {
      await expect(pair.decapsulate(new Uint8Array(length))).rejects.toThrow(RangeError);
    }
    const overQ = pair.publicKey.with(0, 0xff).with(1, 0xff) as Bytes;
    expect(() => kem.checkPublicKey(overQ)).toThrow(RangeError);
    await expect(kem.encapsulate(overQ, randomBytes)).rejects.toThrow(RangeError);
    expect(() => kem.checkPublicKey(pair.publicKey)).not.toThrow();
  });

  it('decapsulates nothing after wipe', async () => {
    const { pair, made } = await exchange();
    pair.wipe();
    await expect(pair.decapsulate(made.ciphertext)).rejects.toThrow('wiped');
  });
});

describe('the secrets of X-Wing', () => {
  /** noble's ML-KEM, whose shared secrets are kept by reference. */
  function watched(): { kem: Kem; secrets: Bytes[]; random: (length: number) => Bytes } {
    const secrets: Bytes[] = [];
    const keep = (bytes: Bytes): Bytes => {
      secrets.push(bytes);
      return bytes;
    };
    const mlKem768: Kem = {
      ...noble.mlKem768,
      async generateKeyPair(random) {
        const pair = await noble.mlKem768.generateKeyPair(random);
        return {
          publicKey: pair.publicKey,
          decapsulate: async (ciphertext) => keep(await pair.decapsulate(ciphertext)),
          wipe: () => pair.wipe(),
        };
      },
      async encapsulate(publicKey, random) {
        const made = await noble.mlKem768.encapsulate(publicKey, random);
        keep(made.sharedSecret);
        return made;
      },
    };
    return { kem: createXWing(mlKem768), secrets, random: (length) => keep(randomBytes(length)) };
  }

  const allZero = (secrets: readonly Bytes[]): boolean =>
    secrets.length > 0 && secrets.every((secret) => secret.every((byte) => byte === 0));

  it('are zero afterwards: what was drawn, and both halves of what was shared', async () => {
    const { kem, secrets, random } = watched();
    const pair = await kem.generateKeyPair(random);
    expect(allZero(secrets)).toBe(true);
    const made = await kem.encapsulate(pair.publicKey, random);
    expect(allZero(secrets)).toBe(true);
    await pair.decapsulate(made.ciphertext);
    expect(allZero(secrets)).toBe(true);
  });

  it('are zero as well when the other half is refused', async () => {
    const { kem, secrets, random } = watched();
    const pair = await kem.generateKeyPair(random);
    const made = await kem.encapsulate(pair.publicKey, random);
    const zeros = new Uint8Array(32);
    await expect(
      kem.encapsulate(concatBytes([pair.publicKey.subarray(0, 1184), zeros]), random),
    ).rejects.toThrow();
    expect(allZero(secrets)).toBe(true);
    await expect(pair.decapsulate(concatBytes([made.ciphertext.subarray(0, 1088), zeros]))).rejects.toThrow();
    expect(allZero(secrets)).toBe(true);
  });
});

describe.skipIf(runtimeX25519 === nobleX25519)('the secrets of X-Wing, where X25519 fails', () => {
  const isZero = (secret: Bytes): boolean => secret.every((byte) => byte === 0);

  it('are zero: what was drawn, what that became, the ML-KEM pair and its shared secret', async () => {
    const secrets: Bytes[] = [];
    const kept = (bytes: Bytes): Bytes => {
      secrets.push(bytes);
      return bytes;
    };
    const random = (length: number): Bytes => kept(randomBytes(length));
    const wipe = vi.fn();
    const mlKem768: Kem = {
      ...noble.mlKem768,
      generateKeyPair: async (seed) => ({ ...(await noble.mlKem768.generateKeyPair(seed)), wipe }),
      encapsulate: async () => ({ ciphertext: new Uint8Array(1088), sharedSecret: kept(randomBytes(32)) }),
    };
    const kem = createXWing(mlKem768);
    const { publicKey } = await kem.generateKeyPair(random);
    vi.spyOn(crypto.subtle, 'importKey').mockImplementation((async (_: string, pkcs8: Bytes) => {
      kept(pkcs8);
      throw new Error('out of memory');
    }) as never);
    try {
      await expect(kem.generateKeyPair(random)).rejects.toThrow('out of memory');
      expect(wipe).toHaveBeenCalledOnce();
      await expect(kem.encapsulate(publicKey, random)).rejects.toThrow('out of memory');
      expect(secrets.map((secret) => secret.length)).toEqual([32, 32, 48, 32, 32, 48]);
      expect(secrets.every(isZero)).toBe(true);
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe('the suite', () => {
  it.each(implementations)('X-Wing is made over the ML-KEM of $name', async (primitives) => {
    const suite = await loadSuite(primitives, 'X-Wing');
    expect(suite.name).toBe('X-Wing');
    expect(suite.primitives).toBe(primitives);
    expect(suite.kem.ciphertextBytes).toBe(1120);
  });

  it('knows its names, and nothing that looks like them', () => {
    expect(['ML-KEM-768', 'X-Wing'].every(isSuiteName)).toBe(true);
    for (const name of ['x-wing', 'X-Wing ', 'ML-KEM-1024', '', '__proto__', undefined, null, ['X-Wing']]) {
      expect(isSuiteName(name)).toBe(false);
    }
  });
});

describe('X25519 of a runtime', () => {
  it.each([
    ['that lacks it', async () => Promise.reject(new DOMException('unknown', 'NotSupportedError'))],
    [
      'that gives another key for each import',
      async () => crypto.subtle.generateKey('X25519', true, ['deriveBits']),
    ],
  ])('%s is not used: noble stands in', async (_, importKey) => {
    vi.resetModules();
    vi.spyOn(crypto.subtle, 'importKey').mockImplementation(importKey as never);
    try {
      const { loadX25519: load } = await import('../../src/crypto/x25519.ts');
      const pair = await (await load()).keyPair(unhex(KNOWN[0][0]));
      expect(hex(await pair.deriveSecret(unhex(KNOWN[0][1])))).toBe(KNOWN[0][2]);
    } finally {
      vi.restoreAllMocks();
      vi.resetModules();
    }
  });
});
