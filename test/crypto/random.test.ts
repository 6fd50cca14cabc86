/** Randomness, and above all its absence: no fallback, nothing handed out (attack: a broken generator). */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Bytes } from '../../src/crypto/bytes.ts';
import { pooledRandom, randomBytes } from '../../src/crypto/random.ts';
import { hex } from './implementations.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Over the pool's draws: those that go to the runtime's generator straight away. */
const UNPOOLED = 64;

describe('randomBytes', () => {
  it('gives as many bytes as asked for, also more than getRandomValues gives at once', () => {
    for (const length of [0, 1, 12, 16, 32, 33, 64, 4096, 65_536, 65_537, 200_000]) {
      expect(randomBytes(length).length).toBe(length);
    }
    const long = randomBytes(200_000);
    for (const at of [0, 65_530, 131_070, 199_990])
      expect(hex(long.subarray(at, at + 10))).not.toBe('00'.repeat(10));
  });

  it('refuses lengths that are none', () => {
    for (const length of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => randomBytes(length)).toThrow(new RangeError('length must be a non-negative integer'));
    }
  });

  it('never gives the same nonce twice, over many refills of the pool', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 20_000; i++) seen.add(hex(randomBytes(12)));
    expect(seen.size).toBe(20_000);
  });

  it('never uses Math.random', () => {
    const spy = vi.spyOn(Math, 'random');
    for (const length of [12, UNPOOLED]) randomBytes(length);
    expect(spy).not.toHaveBeenCalled();
  });

  it('throws if the runtime has no generator', () => {
    for (const crypto of [undefined, {}, { getRandomValues: undefined }]) {
      vi.stubGlobal('crypto', crypto);
      expect(() => randomBytes(UNPOOLED)).toThrow('no crypto.getRandomValues');
    }
  });

  it('throws if the generator throws, and says why', () => {
    const cause = new Error('entropy exhausted');
    vi.stubGlobal('crypto', {
      getRandomValues: () => {
        throw cause;
      },
    });
    expect(() => randomBytes(UNPOOLED)).toThrow(expect.objectContaining({ cause }));
    expect(() => randomBytes(UNPOOLED)).toThrow('crypto.getRandomValues failed: no secure randomness');
  });

  it('throws if the generator gives zeros', () => {
    vi.stubGlobal('crypto', { getRandomValues: (target: Bytes) => target.fill(0) });
    expect(() => randomBytes(UNPOOLED)).toThrow('zeros');
  });
});

describe('the pool', () => {
  /** A generator that counts: every four bytes another number. */
  function counting(): { fill: (target: Bytes) => void; fills: Bytes[] } {
    let next = 1;
    const fills: Bytes[] = [];
    return {
      fills,
      fill: (target) => {
        const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
        for (let at = 0; at + 4 <= target.length; at += 4) view.setUint32(at, next++);
        fills.push(target);
      },
    };
  }

  it('hands out each of its bytes once, in draws of any size', () => {
    const { fill, fills } = counting();
    const random = pooledRandom(fill);
    const seen = new Set<string>();
    for (let i = 0; i < 5000; i++) {
      const draw = random(4 * (1 + (i % 4)));
      for (let at = 0; at < draw.length; at += 4) {
        const word = hex(draw.subarray(at, at + 4));
        expect(seen.has(word)).toBe(false);
        seen.add(word);
      }
    }
    expect(fills.length).toBeGreaterThan(5);
  });

  it('hands out copies, and forgets what it handed out', () => {
    const { fill, fills } = counting();
    const random = pooledRandom(fill);
    const draw = random(16);
    const pool = fills[0] ?? new Uint8Array(0);
    expect(draw.buffer).not.toBe(pool.buffer);
    expect([...pool.subarray(0, 16)]).toEqual(Array.from({ length: 16 }, () => 0));
    expect(pool[19]).toBe(5);
    draw.fill(0xff);
    expect(hex(random(4))).toBe('00000005');
  });

  it('draws keys past the pool: a snapshot of this memory tells nothing of them', () => {
    const { fill, fills } = counting();
    const random = pooledRandom(fill);
    random(12);
    for (const length of [17, 32, 64]) expect(random(length).length).toBe(length);
    expect(fills.map((target) => target.length)).toEqual([4096, 17, 32, 64]);
  });

  it.each([
    ['zeros', (target: Bytes): void => void target.fill(0)],
    ['nothing', (): void => {}],
    [
      'an error',
      (): void => {
        throw new Error('broken');
      },
    ],
  ])('hands out nothing more once a refill gives %s, and recovers with the generator', (_what, failure) => {
    const { fill } = counting();
    let working = true;
    const random = pooledRandom((target) => (working ? fill(target) : failure(target)));
    // Leaves 4 bytes that no draw of 16 can take: they must not be handed out later, as zeros.
    random(12);
    working = false;
    expect(() => {
      for (let i = 0; i < 300; i++) random(16);
    }).toThrow();
    for (const length of [1, 12, 16, 32]) expect(() => random(length)).toThrow();
    working = true;
    expect(hex(random(16))).not.toBe('00'.repeat(16));
  });
});
