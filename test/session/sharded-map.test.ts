/** A Map in shards: what a Map does, how many shards there are, and the hash that nobody can aim at. */
import { describe, expect, test } from 'vitest';
import { ShardedMap, secretHash } from '../../src/session/sharded-map.ts';

/** Puts a number where its low bits say. */
const byNumber = (key: string): number => Number(key);

/** How many shards `capacity` makes, by the first two keys that share one. */
function shardsFor(capacity: number): number {
  for (let shards = 1; ; shards *= 2) {
    const map = new ShardedMap<true>(capacity, byNumber);
    map.set('0', true);
    map.set(String(shards), true);
    if (map.largestShard === 2) return shards;
  }
}

describe('a sharded map', () => {
  test('is a Map', () => {
    const map = new ShardedMap<number>(100_000, secretHash());
    for (let i = 0; i < 1000; i++) map.set(`key ${i}`, i);
    map.set('key 7', 70);
    expect(map.size).toBe(1000);
    expect(map.get('key 7')).toBe(70);
    expect(map.get('key 8')).toBe(8);
    expect(map.get('key 1000')).toBeUndefined();
    expect(map.delete('key 8')).toBe(true);
    expect(map.delete('key 8')).toBe(false);
    expect(map.delete('key 1000')).toBe(false);
    expect(map.get('key 8')).toBeUndefined();
    expect(map.size).toBe(999);
  });

  test('is empty at first, in every shard', () => {
    const map = new ShardedMap<number>(100_000, byNumber);
    expect([map.size, map.largestShard, map.get('5'), map.delete('5')]).toEqual([0, 0, undefined, false]);
  });

  test.each([
    [1, 1],
    [4096, 1],
    [4097, 2],
    [8192, 2],
    [8193, 4],
    [1_000_000, 256],
    [1e12, 65_536],
  ])('made for %i entries has %i shards', (capacity, shards) => {
    expect(shardsFor(capacity)).toBe(shards);
  });

  test('looks where the hash that is given says', () => {
    const map = new ShardedMap<string>(8192, byNumber);
    map.set('2', 'even');
    expect(map.get('2', 4)).toBe('even');
    expect(map.get('2', 5)).toBeUndefined();
  });
});

describe('a secret hash', () => {
  test('is a number of 17 bits, the same for the same key, and another for each hash that is made', () => {
    const [one, other] = [secretHash(), secretHash()];
    const keys = Array.from({ length: 1000 }, (_, i) => `key ${i}`);
    for (const key of keys) {
      expect(one(key)).toBe(one(key));
      expect(one(key)).toBe(one(key) & 0x1ffff);
    }
    expect(keys.map(one)).not.toEqual(keys.map(other));
    expect(new Set(keys.map(one)).size).toBeGreaterThan(900);
    // Not even nothing has a place that is known.
    expect(new Set(Array.from({ length: 10 }, () => secretHash()(''))).size).toBeGreaterThan(5);
  });

  test('takes in every character', () => {
    const hash = secretHash();
    const places = ['abc', 'xbc', 'axc', 'abx', 'ab', 'abcc'].map(hash);
    expect(new Set(places).size).toBeGreaterThan(4);
  });
});
