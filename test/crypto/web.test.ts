/**
 * WebCrypto's ChaCha20-Poly1305, ML-KEM-768 and ML-DSA-65 against noble's, where the runtime has them: Node 24 and
 * later. In browsers: test/e2e/web-crypto.test.ts.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Bytes, concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { AeadError } from '../../src/crypto/primitives.ts';
import { webPrimitives } from '../../src/crypto/web.ts';
import { webMlDsa65 } from '../../src/crypto/web-ml-dsa-65.ts';
import { createWebSigner } from '../../src/crypto/web-ml-dsa-65-signer.ts';
import { webMlKem768 } from '../../src/crypto/web-ml-kem-768.ts';
import { type ModernSubtle, modernSubtle } from '../../src/crypto/web-subtle.ts';
import { hex, noble, unhex } from './implementations.ts';
import known from './known-ml-dsa-65.json' with { type: 'json' };
import { nobleSignatures } from './signatures.ts';

const subtle = modernSubtle() as ModernSubtle;
const hasAll = typeof subtle?.encapsulateBits === 'function';

const KEY = new Uint8Array(32).fill(1);
const NONCE = new Uint8Array(12).fill(2);
const AAD = latin1ToBytes('aad');
const PLAIN = latin1ToBytes('the message');

/** Its methods as plain functions, some of which a test may change. */
function subtleMethods(): ModernSubtle {
  const names = [
    'generateKey',
    'importKey',
    'exportKey',
    'encrypt',
    'decrypt',
    'encapsulateBits',
    'decapsulateBits',
    'sign',
    'verify',
    'digest',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, subtle[name].bind(subtle)])) as never;
}

async function web() {
  const found = await webPrimitives(subtle);
  if (found === undefined) throw new Error('no WebCrypto');
  return found;
}

describe.skipIf(!hasAll)('ChaCha20-Poly1305 by WebCrypto', () => {
  const box = async (key = KEY): Promise<Bytes> =>
    concatBytes(await (await web()).aeadKey(key).seal(NONCE, AAD, [PLAIN]));

  it('gives the bytes that noble gives, and opens them', async () => {
    expect(hex(await box())).toBe(hex(concatBytes(await noble.aeadKey(KEY).seal(NONCE, AAD, [PLAIN]))));
    expect(hex(await (await web()).aeadKey(KEY).open(NONCE, AAD, await box()))).toBe(hex(PLAIN));
  });

  it('seals pieces as one message', async () => {
    const key = (await web()).aeadKey(KEY);
    const pieces = [PLAIN.subarray(0, 3), new Uint8Array(0), PLAIN.subarray(3)];
    expect(hex(concatBytes(await key.seal(NONCE, AAD, pieces)))).toBe(hex(await box()));
  });

  it('refuses what is not authentic, whatever is wrong with it', async () => {
    const key = (await web()).aeadKey(KEY);
    const good = await box();
    const flipped = good.slice();
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    for (const forged of [flipped, good.subarray(1), good.subarray(0, 15), new Uint8Array(0)])
      await expect(key.open(NONCE, AAD, forged)).rejects.toThrow(AeadError);
    await expect(key.open(NONCE, PLAIN, good)).rejects.toThrow(AeadError);
    await expect(key.open(new Uint8Array(12), AAD, good)).rejects.toThrow(AeadError);
    await expect((await web()).aeadKey(new Uint8Array(32)).open(NONCE, AAD, good)).rejects.toThrow(AeadError);
  });

  it('refuses keys and nonces of another length', async () => {
    const primitives = await web();
    for (const length of [0, 16, 31, 33])
      expect(() => primitives.aeadKey(new Uint8Array(length))).toThrow(
        new RangeError('a ChaCha20-Poly1305 key has 32 bytes'),
      );
    const key = primitives.aeadKey(KEY);
    const refused = new RangeError('a ChaCha20-Poly1305 nonce has 12 bytes');
    for (const length of [0, 11, 13, 24]) {
      await expect(key.seal(new Uint8Array(length), AAD, [PLAIN])).rejects.toThrow(refused);
      await expect(key.open(new Uint8Array(length), AAD, await box())).rejects.toThrow(refused);
    }
  });

  it('keeps a copy of the key, and wipes it once WebCrypto has it', async () => {
    const set = vi.spyOn(Uint8Array.prototype, 'set');
    const raw = KEY.slice();
    const key = (await web()).aeadKey(raw);
    const copy = set.mock.contexts.at(-1) as Bytes;
    set.mockRestore();
    raw.fill(0);
    expect(hex(concatBytes(await key.seal(NONCE, AAD, [PLAIN])))).toBe(hex(await box()));
    expect(hex(copy)).toBe('00'.repeat(32));
  });

  it('does nothing more after wipe', async () => {
    const key = (await web()).aeadKey(KEY);
    key.wipe();
    await expect(key.seal(NONCE, AAD, [PLAIN])).rejects.toThrow('wiped');
    await expect(key.open(NONCE, AAD, await box())).rejects.toThrow('wiped');
  });

  it('tells whoever uses a key that it could not be imported, and nobody else', async () => {
    const primitives = await web();
    const importKey = vi.spyOn(subtle, 'importKey').mockRejectedValue(new Error('no such format'));
    const key = primitives.aeadKey(KEY);
    importKey.mockRestore();
    await expect(key.seal(NONCE, AAD, [PLAIN])).rejects.toThrow('no such format');
  });
});

describe.skipIf(!hasAll)('SHA-256, HMAC and HKDF by WebCrypto', () => {
  it('give the bytes that noble gives', async () => {
    const primitives = await web();
    for (const length of [1, 31, 32, 63, 64, 65, 131, 1000]) {
      const [key, data] = [new Uint8Array(length).fill(length), new Uint8Array(2 * length).fill(3)];
      expect(hex(await primitives.sha256(data))).toBe(hex(noble.sha256(data)));
      expect(hex(await primitives.macKey(key).mac(data))).toBe(hex(noble.macKey(key).mac(data)));
      expect(hex(await primitives.extract(key, data))).toBe(hex(noble.extract(key, data)));
      expect(hex(await primitives.expand(primitives.macKey(key), data))).toBe(
        hex(noble.expand(noble.macKey(key), data)),
      );
    }
  });

  it('make a cipher’s key that noble makes too, and leave no bytes of it', async () => {
    const primitives = await web();
    const importKey = vi.spyOn(subtle, 'importKey');
    const key = primitives.deriveAeadKey(primitives.macKey(KEY), PLAIN);
    const box = concatBytes(await key.seal(NONCE, AAD, [PLAIN]));
    const raw = importKey.mock.calls.map(([, bytes]) => bytes as Bytes);
    importKey.mockRestore();
    const same = noble.deriveAeadKey(noble.macKey(KEY), PLAIN);
    expect(hex(box)).toBe(hex(concatBytes(await same.seal(NONCE, AAD, [PLAIN]))));
    expect(raw.map(hex)).toEqual(['00'.repeat(32), '00'.repeat(32)]);
    key.wipe();
    await expect(key.seal(NONCE, AAD, [PLAIN])).rejects.toThrow('wiped');
  });

  it('keep a copy of the key, and do nothing more after wipe', async () => {
    const raw = KEY.slice();
    const key = (await web()).macKey(raw);
    raw.fill(0);
    expect(hex(await key.mac(PLAIN))).toBe(hex(noble.macKey(KEY).mac(PLAIN)));
    key.wipe();
    await expect(key.mac(PLAIN)).rejects.toThrow('wiped');
    const primitives = await web();
    await expect(primitives.expand(key, PLAIN)).rejects.toThrow('wiped');
    await expect(primitives.deriveAeadKey(key, PLAIN).seal(NONCE, AAD, [])).rejects.toThrow('wiped');
  });
});

/** The key that this call of WebCrypto was given. */
const keyOf = (call: readonly unknown[] | undefined): CryptoKey | undefined =>
  call?.find((one): one is CryptoKey => one instanceof CryptoKey);

describe.skipIf(!hasAll)('no secret key can be taken out of WebCrypto', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('not that of a cipher', async () => {
    const key = (await web()).aeadKey(KEY);
    const encrypt = vi.spyOn(subtle, 'encrypt');
    await key.seal(NONCE, AAD, [PLAIN]);
    expect(keyOf(encrypt.mock.lastCall)?.extractable).toBe(false);
  });

  it('not that of a MAC', async () => {
    const key = (await web()).macKey(KEY);
    const sign = vi.spyOn(subtle, 'sign');
    await key.mac(PLAIN);
    expect(keyOf(sign.mock.lastCall)?.extractable).toBe(false);
  });

  it('not that of a cipher that was derived', async () => {
    const primitives = await web();
    const encrypt = vi.spyOn(subtle, 'encrypt');
    await primitives.deriveAeadKey(primitives.macKey(KEY), PLAIN).seal(NONCE, AAD, [PLAIN]);
    expect(keyOf(encrypt.mock.lastCall)?.extractable).toBe(false);
  });

  it('not that of a key pair', async () => {
    const pair = await (await web()).mlKem768.generateKeyPair(() => KEY);
    const decapsulate = vi.spyOn(subtle, 'decapsulateBits');
    await pair.decapsulate(new Uint8Array(1088));
    expect(keyOf(decapsulate.mock.lastCall)?.extractable).toBe(false);
  });

  it('not that of a signer', async () => {
    const importKey = vi.spyOn(subtle, 'importKey');
    await createWebSigner(subtle, KEY, 'x');
    expect(importKey.mock.calls.map((call) => call[3])).toEqual([false]);
  });
});

describe.skipIf(!hasAll)('WebCrypto that is not what it says', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is not taken where it has no ML-KEM-768', async () => {
    for (const name of ['encapsulateBits', 'decapsulateBits'] as const) {
      const without = { ...subtleMethods(), [name]: undefined };
      expect(await webMlKem768(without as never)).toBeUndefined();
    }
  });

  it('is not taken where its cipher agrees with itself alone', async () => {
    const { encrypt, decrypt, ...rest } = subtleMethods();
    const other = (parameters: { iv: Bytes }) => ({
      ...parameters,
      iv: parameters.iv.map((byte) => byte ^ 1),
    });
    const odd: Partial<ModernSubtle> = {
      ...rest,
      encrypt: (parameters, key, data) => encrypt(other(parameters) as never, key, data),
      decrypt: (parameters, key, data) => decrypt(other(parameters) as never, key, data),
    };
    expect(await webPrimitives({ ...rest, encrypt, decrypt } as ModernSubtle)).toBeDefined();
    expect(await webPrimitives(odd as ModernSubtle)).toBeUndefined();
  });

  it('is not taken where its hash or its MAC is another', async () => {
    const { digest, sign, ...rest } = subtleMethods();
    const flipped = async (made: Promise<ArrayBuffer>): Promise<ArrayBuffer> =>
      new Uint8Array(await made).map((byte) => byte ^ 1).buffer;
    const odd: Partial<ModernSubtle>[] = [
      { digest: (name, data) => flipped(digest(name, data)) },
      { sign: (name, key, data) => flipped(sign(name, key, data)) },
    ];
    expect(await webPrimitives({ ...rest, digest, sign } as ModernSubtle)).toBeDefined();
    for (const change of odd)
      expect(await webPrimitives({ ...rest, digest, sign, ...change } as ModernSubtle)).toBeUndefined();
  });

  it('verifies nothing under a key that it can not read', async () => {
    const verifier = await webMlDsa65(subtle);
    const importKey = vi.spyOn(subtle, 'importKey').mockRejectedValue(new Error('not a key'));
    const key = new Uint8Array(1952);
    expect(await verifier?.verify(key, PLAIN, new Uint8Array(3309), AAD)).toBe(false);
    expect(importKey).toHaveBeenCalledTimes(1);
    // More than a key, or less, isn't even tried: OpenSSL would ignore what is over.
    expect(await verifier?.verify(new Uint8Array(1953), PLAIN, new Uint8Array(3309), AAD)).toBe(false);
    expect(importKey).toHaveBeenCalledTimes(1);
  });
});

describe.skipIf(!hasAll)('ML-KEM-768 by WebCrypto', () => {
  const unused = (): never => {
    throw new Error('WebCrypto draws its own randomness');
  };
  const fill = (length: number): Bytes => new Uint8Array(length).fill(5);

  it('agrees with noble, whoever encapsulates', async () => {
    const { mlKem768 } = await web();
    const [ours, theirs] = [
      await mlKem768.generateKeyPair(unused),
      await noble.mlKem768.generateKeyPair(fill),
    ];
    const toUs = await noble.mlKem768.encapsulate(ours.publicKey, fill);
    expect(hex(await ours.decapsulate(toUs.ciphertext))).toBe(hex(toUs.sharedSecret));
    const toThem = await mlKem768.encapsulate(theirs.publicKey, unused);
    expect(hex(await theirs.decapsulate(toThem.ciphertext))).toBe(hex(toThem.sharedSecret));
  });

  it('has the sizes of FIPS 203, and refuses others', async () => {
    const { mlKem768 } = await web();
    expect(mlKem768.ciphertextBytes).toBe(1088);
    const pair = await mlKem768.generateKeyPair(unused);
    expect(pair.publicKey.length).toBe(1184);
    await expect(pair.decapsulate(new Uint8Array(1087))).rejects.toThrow(RangeError);
    await expect(mlKem768.encapsulate(new Uint8Array(1183), unused)).rejects.toThrow(RangeError);
    // A coefficient that isn't below q (FIPS 203 section 7.2).
    const unreduced = pair.publicKey.slice().fill(0xff, 0, 3);
    await expect(mlKem768.encapsulate(unreduced, unused)).rejects.toThrow(RangeError);
    expect(() => mlKem768.checkPublicKey(unreduced)).toThrow(RangeError);
  });

  it('does nothing more after wipe', async () => {
    const pair = await (await web()).mlKem768.generateKeyPair(unused);
    pair.wipe();
    await expect(pair.decapsulate(new Uint8Array(1088))).rejects.toThrow('wiped');
  });
});

describe.skipIf(!hasAll)('ML-DSA-65 by WebCrypto', () => {
  const SEED = unhex(known.keyGen.seed);
  const CONTEXT = latin1ToBytes('nen/2 server');

  it('makes the key of the ACVP case, and noble verifies what it signs', async () => {
    const signer = await createWebSigner(subtle, SEED, 'acvp');
    expect(signer.keyId).toBe('acvp');
    expect(hex(signer.publicKey)).toBe(known.keyGen.pk);
    const signature = await signer.sign(PLAIN, CONTEXT);
    const { verify } = nobleSignatures.verifier;
    expect(await verify(signer.publicKey, PLAIN, signature, CONTEXT)).toBe(true);
    expect(await verify(signer.publicKey, PLAIN, signature, AAD)).toBe(false);
  });

  it('refuses a seed of another length', async () => {
    for (const length of [0, 31, 33])
      await expect(createWebSigner(subtle, new Uint8Array(length), 'x')).rejects.toThrow(
        new RangeError('an ML-DSA-65 seed has 32 bytes'),
      );
  });

  it('refuses a runtime that exports keys in another form', async () => {
    for (const length of [0, 1951, 1953]) {
      const exportKey = vi.spyOn(subtle, 'exportKey').mockResolvedValue(new ArrayBuffer(length));
      await expect(createWebSigner(subtle, SEED, 'x')).rejects.toThrow('in another form');
      exportKey.mockRestore();
    }
  });

  it('verifies what noble signed, and nothing else', async () => {
    const verifier = await webMlDsa65(subtle);
    if (verifier === undefined) throw new Error('no ML-DSA-65');
    const signer = nobleSignatures.createSigner(SEED, 'noble');
    const signature = await signer.sign(PLAIN, CONTEXT);
    const verify = (publicKey: Bytes, message: Bytes, context: Bytes, signed = signature) =>
      verifier.verify(publicKey, message, signed, context);
    expect(await verify(signer.publicKey, PLAIN, CONTEXT)).toBe(true);
    expect(await verify(signer.publicKey, AAD, CONTEXT)).toBe(false);
    expect(await verify(signer.publicKey, PLAIN, AAD)).toBe(false);
    expect(await verify(signer.publicKey, PLAIN, CONTEXT, new Uint8Array(0))).toBe(false);
    for (const length of [0, 1951, 1953])
      expect(await verify(new Uint8Array(length), PLAIN, CONTEXT)).toBe(false);
    // More than a key is no key, whatever a runtime makes of what is over.
    const longer = concatBytes([signer.publicKey, new Uint8Array(1)]);
    expect(await verify(longer, PLAIN, CONTEXT)).toBe(false);
  });
});
