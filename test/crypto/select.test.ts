/** Which implementation is chosen: by what the runtime can do, never half of it. */
import * as crypto from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { force, forced } from '../../src/crypto/choice.ts';
import { loadPrimitives } from '../../src/crypto/load-primitives.ts';
import { noblePrimitives } from '../../src/crypto/noble.ts';
import { nodePrimitives } from '../../src/crypto/node.ts';
import { nodeMlKem768 } from '../../src/crypto/node-ml-kem-768.ts';
import { primitives } from '../../src/crypto/select.ts';
import { webPrimitives } from '../../src/crypto/web.ts';
import { webMlDsa65 } from '../../src/crypto/web-ml-dsa-65.ts';
import type { ModernSubtle } from '../../src/crypto/web-subtle.ts';

const before = forced();
afterEach(() => {
  vi.restoreAllMocks();
  force(before);
});

/** A runtime whose node:crypto is ours, but for a few functions. */
function runtimeWith(changes: Partial<Record<keyof typeof crypto, unknown>>): void {
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue({ ...crypto, ...changes } as never);
}

describe('the choice of primitives', () => {
  it('takes node:crypto where it is, and noble when told to', () => {
    force(undefined);
    expect(primitives().name).toBe('node');
    expect(primitives()).toBe(primitives());
    force('noble');
    expect(primitives()).toBe(noblePrimitives);
    force(undefined);
    expect(primitives().name).toBe('node');
  });

  it('finds nothing native in a runtime without node:crypto', () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
    expect(nodePrimitives()).toBeUndefined();
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => {
      throw new Error('not here');
    });
    expect(nodePrimitives()).toBeUndefined();
  });

  it.each(['createCipheriv', 'createDecipheriv', 'createHmac', 'createSecretKey'] as const)(
    'finds nothing native where %s is missing, or is there and throws',
    (name) => {
      runtimeWith({ [name]: undefined });
      expect(nodePrimitives()).toBeUndefined();
      runtimeWith({
        [name]: () => {
          throw new Error('not implemented');
        },
      });
      expect(nodePrimitives()).toBeUndefined();
    },
  );

  it('finds nothing native where the cipher gives other bytes', () => {
    const { createCipheriv } = crypto;
    runtimeWith({
      createCipheriv: (
        _name: string,
        key: crypto.KeyObject,
        _nonce: Uint8Array,
        options: { authTagLength: number },
      ) => createCipheriv('chacha20-poly1305', key, new Uint8Array(12).fill(1), options),
    });
    expect(nodePrimitives()).toBeUndefined();
  });

  it('hashes with createHash where there is no crypto.hash', () => {
    runtimeWith({ hash: undefined });
    const data = new Uint8Array(100).fill(5);
    expect(nodePrimitives()?.sha256(data)).toEqual(noblePrimitives.sha256(data));
  });

  it("uses noble's ML-KEM where the runtime's own is missing or doesn't work", () => {
    const broken = (): never => {
      throw new Error('not implemented');
    };
    runtimeWith({ ['encapsulate' as never]: broken, ['decapsulate' as never]: broken });
    expect(nodePrimitives()?.mlKem768).toBe(noblePrimitives.mlKem768);
    const { encapsulate: _, ...without } = crypto as typeof crypto & { encapsulate?: unknown };
    expect(nodeMlKem768(without as typeof crypto)).toBeUndefined();
  });
});

describe('the choice of whoever can wait', () => {
  const subtle = globalThis.crypto.subtle as unknown as ModernSubtle;
  const hasKem = 'encapsulateBits' in subtle;

  /** WebCrypto as it is here, but for a few methods. */
  function subtleWith(changes: Partial<ModernSubtle>): ModernSubtle {
    return new Proxy(subtle, {
      get: (target, name) => {
        const method: unknown = name in changes ? Reflect.get(changes, name) : Reflect.get(target, name);
        return typeof method === 'function' && !(name in changes) ? method.bind(target) : method;
      },
    });
  }

  it('is node:crypto where that is, and noble when told to', async () => {
    force(undefined);
    expect(await loadPrimitives()).toBe(primitives());
    force('noble');
    expect(await loadPrimitives()).toBe(noblePrimitives);
  });

  it('is what there is at once in a runtime whose WebCrypto is none', async () => {
    vi.stubGlobal('crypto', {});
    force('web');
    expect(await loadPrimitives()).toBe(primitives());
    vi.unstubAllGlobals();
  });

  it('is never WebCrypto without a method, or with one that throws', async () => {
    const broken = (): never => {
      throw new Error('not implemented');
    };
    const methods = ['importKey', 'encrypt', 'decrypt', 'encapsulateBits', 'decapsulateBits', 'generateKey'];
    for (const name of methods) {
      expect(await webPrimitives(subtleWith({ [name]: undefined })), name).toBeUndefined();
      expect(await webPrimitives(subtleWith({ [name]: broken })), name).toBeUndefined();
    }
    for (const name of ['importKey', 'sign', 'verify', 'generateKey']) {
      expect(await webMlDsa65(subtleWith({ [name]: broken })), name).toBeUndefined();
    }
  });

  it.skipIf(!hasKem)('is never WebCrypto that gives other bytes, or ignores the context', async () => {
    expect((await webPrimitives(subtle))?.name).toBe('web');
    expect(await webPrimitives(subtleWith({ encrypt: async () => new ArrayBuffer(86) }))).toBeUndefined();
    expect(await webPrimitives(subtleWith({ decrypt: async () => new ArrayBuffer(70) }))).toBeUndefined();
    expect(
      await webPrimitives(subtleWith({ decapsulateBits: async () => new ArrayBuffer(32) })),
    ).toBeUndefined();
    expect(await webMlDsa65(subtle)).toBeDefined();
    expect(await webMlDsa65(subtleWith({ verify: async () => true }))).toBeUndefined();
    expect(await webMlDsa65(subtleWith({ verify: async () => false }))).toBeUndefined();
  });
});
