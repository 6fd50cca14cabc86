/**
 * What a runtime has of its own, looked at anew in each test: used where it works, and only there. That it gives the
 * right bytes is shown beside noble's: aead.test.ts, ml-kem.test.ts, ml-dsa-65.test.ts, x-wing.test.ts.
 */
import * as crypto from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { base64Over } from '../../src/crypto/base64.ts';
import { type Bytes, concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { force, forced } from '../../src/crypto/choice.ts';
import { atobCodec, bufferCodec, type Codec, nativeCodec } from '../../src/crypto/codec.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { nodePrimitives } from '../../src/crypto/node.ts';
import { nodeMlDsa65 } from '../../src/crypto/node-ml-dsa-65.ts';
import { nodeMlKem768 } from '../../src/crypto/node-ml-kem-768.ts';
import { nodeBuffer, nodeCrypto, webCrypto } from '../../src/crypto/runtime.ts';
import { createXWing } from '../../src/crypto/x-wing.ts';
import { hex } from './implementations.ts';
import { standInBase64 } from './stand-in-base64.ts';

const hasKem = 'encapsulate' in crypto;
const KEY = new Uint8Array(32).fill(1);
const NONCE = new Uint8Array(12).fill(2);
const AAD = latin1ToBytes('aad');
const MESSAGE = latin1ToBytes('the message');

const before = forced();
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.resetModules();
  force(before);
});

/** node:crypto with a few functions changed. */
const cryptoWith = (changes: object) => ({ ...crypto, ...changes }) as typeof crypto;

describe('node:crypto', () => {
  it('seals short and long messages, in one piece and in many, as noble does', async () => {
    const [ours, noble] = [nodePrimitives(), noblePrimitives].map((primitives) => primitives?.aeadKey(KEY));
    const long = new Uint8Array(9000).fill(7);
    for (const pieces of [
      [MESSAGE],
      [MESSAGE, MESSAGE],
      [long],
      [long, MESSAGE, long],
      [MESSAGE, new Uint8Array(0)],
    ])
      for (const aad of [AAD, new Uint8Array(0)]) {
        const [box, expected] = [await ours?.seal(NONCE, aad, pieces), await noble?.seal(NONCE, aad, pieces)];
        expect(hex(concatBytes(box ?? []))).toBe(hex(concatBytes(expected ?? [])));
        expect(hex((await ours?.open(NONCE, aad, concatBytes(box ?? []))) ?? KEY)).toBe(
          hex(concatBytes(pieces)),
        );
      }
  });

  it('is called once for short pieces, and for each of long ones', async () => {
    const update = vi.fn<(piece: Bytes) => void>();
    const { createCipheriv } = crypto;
    const watched = (...args: Parameters<typeof createCipheriv>) => {
      const cipher = createCipheriv(...args);
      const own = cipher.update.bind(cipher);
      cipher.update = ((piece: Bytes) => {
        update(piece);
        return own(piece);
      }) as never;
      return cipher;
    };
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(cryptoWith({ createCipheriv: watched }) as never);
    const key = nodePrimitives()?.aeadKey(KEY);
    const callsFor = async (...lengths: number[]): Promise<number> => {
      update.mockClear();
      await key?.seal(
        NONCE,
        AAD,
        lengths.map((length) => new Uint8Array(length)),
      );
      return update.mock.calls.length;
    };
    const SHORT = 16 * 1024;
    expect(await callsFor(10, 20, 30)).toBe(1);
    expect(await callsFor(SHORT - 1, 1)).toBe(1);
    expect(await callsFor(SHORT, 1)).toBe(2);
    expect(await callsFor(SHORT, 0, 1)).toBe(2);
  });

  it('hashes with crypto.hash where that is, which is half as dear', () => {
    const hash = vi.fn(() => Buffer.alloc(32, 9));
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(cryptoWith({ hash }) as never);
    // A hash of other bytes than noble's: not taken.
    expect(nodePrimitives()).toBeUndefined();
    expect(hash).toHaveBeenCalled();
  });
});

describe.skipIf(!hasKem)('ML-KEM-768 of node:crypto', () => {
  const unused = (): never => {
    throw new Error('it draws its own randomness');
  };
  const fill = (length: number): Bytes => new Uint8Array(length).fill(5);

  it('agrees with noble’s, whoever encapsulates', async () => {
    const kem = nodeMlKem768(crypto);
    const ours = await kem?.generateKeyPair(unused);
    const theirs = await noblePrimitives.mlKem768.generateKeyPair(fill);
    const toUs = await noblePrimitives.mlKem768.encapsulate(ours?.publicKey ?? KEY, fill);
    expect(hex((await ours?.decapsulate(toUs.ciphertext)) ?? KEY)).toBe(hex(toUs.sharedSecret));
    const toThem = await kem?.encapsulate(theirs.publicKey, unused);
    expect(hex(await theirs.decapsulate(toThem?.ciphertext ?? KEY))).toBe(hex(toThem?.sharedSecret ?? KEY));
    expect([kem?.ciphertextBytes, ours?.publicKey.length, toThem?.sharedSecret.length]).toEqual([
      1088, 1184, 32,
    ]);
    ours?.wipe();
    expect(() => ours?.decapsulate(toUs.ciphertext)).toThrow('the key is wiped');
    expect(nodePrimitives()?.mlKem768).not.toBe(noblePrimitives.mlKem768);
  });

  it('is not taken where half of it is missing, or keys are exported in another form', () => {
    const { encapsulate: _, ...without } = crypto as typeof crypto & { encapsulate?: unknown };
    const { decapsulate: __, ...withoutTheOther } = crypto as typeof crypto & { decapsulate?: unknown };
    for (const half of [without, withoutTheOther, {}])
      expect(nodeMlKem768(half as typeof crypto)).toBeUndefined();
    const exporting = (change: (der: Buffer) => Buffer) =>
      cryptoWith({
        generateKeyPairSync: (type: never) => {
          const pair = crypto.generateKeyPairSync(type) as crypto.KeyPairKeyObjectResult;
          const der = pair.publicKey.export({ format: 'der', type: 'spki' });
          return { privateKey: pair.privateKey, publicKey: { export: () => change(der) } };
        },
      });
    expect(nodeMlKem768(exporting((der) => der))).toBeDefined();
    expect(
      nodeMlKem768(exporting((der) => Buffer.concat([Buffer.from([0x31]), der.subarray(1)]))),
    ).toBeUndefined();
    expect(nodeMlKem768(exporting((der) => Buffer.concat([der, Buffer.alloc(1)])))).toBeUndefined();
  });
});

describe.skipIf(!hasKem)('ML-DSA-65 of node:crypto', () => {
  it('signs what it verifies, and noble’s key is its own', async () => {
    const found = nodeMlDsa65(crypto);
    const signer = found?.createSigner(KEY, 'mine');
    if (found === undefined || signer === undefined) throw new Error('no ML-DSA-65');
    expect([signer.keyId, signer.publicKey.length]).toEqual(['mine', 1952]);
    const signature = await signer.sign(MESSAGE, AAD);
    const { verify } = found.verifier;
    expect(verify(signer.publicKey, MESSAGE, signature, AAD)).toBe(true);
    expect(verify(signer.publicKey, MESSAGE, signature, KEY)).toBe(false);
    expect(verify(signer.publicKey, AAD, signature, AAD)).toBe(false);
    expect(verify(new Uint8Array(1952), MESSAGE, signature, AAD)).toBe(false);
  });

  it('is not asked about a key of another length: OpenSSL would ignore what is over', () => {
    const createPublicKey = vi.fn(crypto.createPublicKey);
    const found = nodeMlDsa65(cryptoWith({ createPublicKey }));
    createPublicKey.mockClear();
    for (const length of [0, 1951, 1953])
      expect(found?.verifier.verify(new Uint8Array(length), MESSAGE, new Uint8Array(3309), AAD)).toBe(false);
    expect(createPublicKey).not.toHaveBeenCalled();
  });

  it('is not taken where it verifies nothing, or everything, or throws', () => {
    const answering = (verify: () => boolean) => nodeMlDsa65(cryptoWith({ verify }));
    expect(answering(() => false)).toBeUndefined();
    expect(answering(() => true)).toBeUndefined();
    expect(
      answering(() => {
        throw new Error('not implemented');
      }),
    ).toBeUndefined();
  });

  it('is tried once', async () => {
    const { createMlDsa65Signer, mlDsa65Verifier } = await import('../../src/crypto/ml-dsa-65.ts');
    (await import('../../src/crypto/choice.ts')).force(undefined);
    const createPrivateKey = vi.fn(crypto.createPrivateKey);
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(cryptoWith({ createPrivateKey }) as never);
    createMlDsa65Signer(KEY, 'one');
    expect(mlDsa65Verifier()).toBe(mlDsa65Verifier());
    createMlDsa65Signer(KEY, 'two');
    // One to try it, and one for each signer.
    expect(createPrivateKey).toHaveBeenCalledTimes(3);
  });
});

describe('X25519', () => {
  const SECRET = new Uint8Array(32).fill(6);
  const load = async () => (await import('../../src/crypto/x25519.ts')).loadX25519();
  const noble = async () => (await import('../../src/crypto/x25519-noble.ts')).nobleX25519;

  it('is the runtime’s own, with keys that can’t be taken out', async () => {
    const deriveBits = vi.spyOn(globalThis.crypto.subtle, 'deriveBits');
    const x25519 = await load();
    expect(x25519).toBe(await load());
    expect(x25519).not.toBe(await noble());
    const pair = await x25519.keyPair(SECRET);
    deriveBits.mockClear();
    const [other, theirs] = [await (await noble()).keyPair(KEY), await (await noble()).keyPair(SECRET)];
    expect(hex(pair.publicKey)).toBe(hex(theirs.publicKey));
    expect(hex(await pair.deriveSecret(other.publicKey))).toBe(hex(await other.deriveSecret(pair.publicKey)));
    expect(deriveBits).toHaveBeenCalledTimes(1);
    expect(deriveBits.mock.lastCall?.[1].extractable).toBe(false);
    pair.wipe();
    await expect(pair.deriveSecret(other.publicKey)).rejects.toThrow('the key is wiped');
  });

  it('refuses secrets of another length', async () => {
    const x25519 = await load();
    for (const length of [0, 31, 33])
      await expect(x25519.keyPair(new Uint8Array(length))).rejects.toThrow(
        new RangeError('an X25519 secret has 32 bytes'),
      );
  });

  it('is noble’s in a page without WebCrypto', async () => {
    for (const none of [undefined, {}]) {
      vi.resetModules();
      vi.stubGlobal('crypto', none);
      expect(await load()).toBe(await noble());
    }
  });

  it('is noble’s where two secrets don’t agree', async () => {
    let draws = 0;
    vi.spyOn(globalThis.crypto.subtle, 'deriveBits').mockImplementation(
      async () => new Uint8Array(32).fill(++draws).buffer,
    );
    expect(await load()).toBe(await noble());
  });
});

describe('X-Wing', () => {
  it('checks the public key as ML-KEM-768 does, by the length and the coefficients of its half', async () => {
    const kem = createXWing(noblePrimitives.mlKem768);
    const { publicKey } = await kem.generateKeyPair((length) => new Uint8Array(length).fill(4));
    expect(() => kem.checkPublicKey(publicKey)).not.toThrow();
    expect(() => kem.checkPublicKey(publicKey.subarray(1))).toThrow('an X-Wing public key has 1216 bytes');
    expect(() => kem.checkPublicKey(publicKey.slice().fill(0xff, 0, 3))).toThrow(
      new RangeError('the ML-KEM-768 public key has a coefficient that is not below q'),
    );
  });
});

describe('a runtime', () => {
  it('without Buffer, or with something else of that name', () => {
    expect(nodeBuffer()).toBe(Buffer);
    for (const other of [undefined, {}, { from: 1 }]) {
      vi.stubGlobal('Buffer', other);
      const found = nodeBuffer();
      vi.unstubAllGlobals();
      expect(found).toBeUndefined();
    }
  });

  it('without process, without its modules, or whose modules throw', () => {
    expect(nodeCrypto()).toBe(process.getBuiltinModule('node:crypto'));
    const throwing = (): never => {
      throw new Error('not here');
    };
    for (const other of [undefined, {}, { getBuiltinModule: undefined }, { getBuiltinModule: throwing }]) {
      vi.stubGlobal('process', other);
      let found: unknown = 'not looked for';
      let primitives: unknown = 'not looked for';
      try {
        found = nodeCrypto();
        primitives = nodePrimitives();
      } finally {
        vi.unstubAllGlobals();
      }
      expect([found, primitives]).toEqual([undefined, undefined]);
    }
  });

  it('without WebCrypto', () => {
    expect(webCrypto()).toBe(globalThis.crypto);
    vi.stubGlobal('crypto', undefined);
    expect(webCrypto()).toBeUndefined();
  });
});

describe.each<[string, () => Codec]>([
  ['Buffer', () => bufferCodec(Buffer)],
  ['ECMAScript 2026', () => nativeCodec(standInBase64)],
  ['atob', atobCodec],
])('base64 by %s', (_, make) => {
  it('is canonical, whatever the platform makes of other characters', () => {
    const base64 = base64Over(make());
    expect(base64.encode(MESSAGE)).toBe('dGhlIG1lc3NhZ2U=');
    expect(base64.decode('dGhlIG1lc3NhZ2U=')).toEqual(MESSAGE);
    for (const other of [
      'dGhlIG1lc3NhZ2U',
      'dGhlIG1lc3NhZ2V=',
      'dGhl IG1lc3NhZ2U',
      'dGhlIG1lc3NhZ2-_',
      '____',
      '----',
    ])
      expect(base64.decode(other), other).toBeUndefined();
  });

  it('takes no mark of byte order for nothing', () => {
    const base64 = base64Over(make());
    const marked = Uint8Array.from([0xef, 0xbb, 0xbf, ...latin1ToBytes('dGhlI')]);
    expect(base64.read(marked, 0, marked.length)).toBeUndefined();
    const quantum = latin1ToBytes('dGhl');
    expect(base64.read(quantum, 0, 4)).toEqual(latin1ToBytes('the'));
  });
});
