/** Who is preferred where several have the cryptography: node:crypto, WebCrypto for whoever can wait, noble. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { latin1ToBytes } from '../../src/crypto/bytes.ts';
import { force, forced, preferredSubtle } from '../../src/crypto/choice.ts';
import { loadSigner, loadVerifier } from '../../src/crypto/load-ml-dsa-65.ts';
import { loadPrimitives } from '../../src/crypto/load-primitives.ts';
import { nobleSignatures } from './signatures.ts';

const { subtle } = globalThis.crypto;
const hasAll = 'encapsulateBits' in subtle;
const SEED = new Uint8Array(32).fill(3);
const MESSAGE = latin1ToBytes('message');
const CONTEXT = latin1ToBytes('context');

const before = forced();
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  force(before);
});

describe('WebCrypto is preferred', () => {
  it('not where node:crypto is, which needs no promise', () => {
    force(undefined);
    expect(preferredSubtle()).toBeUndefined();
  });

  it('where there is no node:crypto, unless noble is asked for', () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
    force(undefined);
    expect(preferredSubtle()).toBe(subtle);
    force('noble');
    expect(preferredSubtle()).toBeUndefined();
  });

  it('where it is asked for', () => {
    force('web');
    expect(preferredSubtle()).toBe(subtle);
    force('noble');
    expect(preferredSubtle()).toBeUndefined();
  });

  it('nowhere in a page without TLS, which has none', () => {
    force('web');
    vi.stubGlobal('crypto', {});
    expect(preferredSubtle()).toBeUndefined();
    vi.stubGlobal('crypto', undefined);
    expect(preferredSubtle()).toBeUndefined();
  });
});

describe.skipIf(!hasAll)('what is loaded where WebCrypto is preferred and has it all', () => {
  it('are its primitives, tried once', async () => {
    force('web');
    const generateKey = vi.spyOn(subtle, 'generateKey');
    const loaded = await loadPrimitives();
    const calls = generateKey.mock.calls.length;
    expect(loaded.name).toBe('web');
    expect(await loadPrimitives()).toBe(loaded);
    expect(generateKey.mock.calls.length).toBe(calls);
  });

  it('is its ML-DSA-65, tried once', async () => {
    force('web');
    const [sign, verify, generateKey] = (['sign', 'verify', 'generateKey'] as const).map((name) =>
      vi.spyOn(subtle, name),
    );
    const verifier = await loadVerifier();
    expect(await loadVerifier()).toBe(verifier);
    const signer = await loadSigner(SEED, 'web');
    expect(generateKey?.mock.calls.length).toBeLessThanOrEqual(1);
    sign?.mockClear();
    verify?.mockClear();
    const signature = await signer.sign(MESSAGE, CONTEXT);
    expect(await verifier.verify(signer.publicKey, MESSAGE, signature, CONTEXT)).toBe(true);
    expect([sign?.mock.calls.length, verify?.mock.calls.length]).toEqual([1, 1]);
  });

  it('is none of it where node:crypto is', async () => {
    force(undefined);
    const [sign, verify] = (['sign', 'verify'] as const).map((name) => vi.spyOn(subtle, name));
    const signer = await loadSigner(SEED, 'node');
    const signature = await signer.sign(MESSAGE, CONTEXT);
    expect(await (await loadVerifier()).verify(signer.publicKey, MESSAGE, signature, CONTEXT)).toBe(true);
    expect([sign?.mock.calls.length, verify?.mock.calls.length]).toEqual([0, 0]);
    expect((await loadPrimitives()).name).toBe('node');
  });
});

it.each([
  [
    'has no ML-DSA-65',
    () => {
      const { importKey } = subtle;
      vi.spyOn(subtle, 'importKey').mockImplementation(((...args: Parameters<typeof importKey>) => {
        if (args[2] === 'ML-DSA-65') throw new Error('not implemented');
        return importKey.apply(subtle, args);
      }) as never);
    },
  ],
  [
    'has no way from a private key to its public one',
    () => {
      const { crypto } = globalThis;
      const get = (_: unknown, name: string) =>
        name === 'getPublicKey' ? undefined : subtle[name as keyof SubtleCrypto]?.bind(subtle);
      const getRandomValues = crypto.getRandomValues.bind(crypto);
      vi.stubGlobal('crypto', { getRandomValues, subtle: new Proxy({}, { get }) });
    },
  ],
])('a signer of WebCrypto’s is noble’s where WebCrypto %s', async (_, takeAway) => {
  takeAway();
  vi.resetModules();
  const fresh = await import('../../src/crypto/load-ml-dsa-65.ts');
  (await import('../../src/crypto/choice.ts')).force('web');
  const signer = await fresh.loadSigner(SEED, 'here');
  expect(signer.publicKey).toEqual(nobleSignatures.createSigner(SEED, 'noble').publicKey);
  const signature = await signer.sign(MESSAGE, CONTEXT);
  expect(await (await fresh.loadVerifier()).verify(signer.publicKey, MESSAGE, signature, CONTEXT)).toBe(true);
});
