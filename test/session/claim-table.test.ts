/** The table of replay claims in memory: how long it remembers, how much, and that nobody can make it slow. */
import { describe, expect, test } from 'vitest';
import { ClaimTable, GENERATION_MS } from '../../src/session/claim-table.ts';
import { secretHash } from '../../src/session/sharded-map.ts';

/** Where a generation begins. */
const START = 53_125_000 * GENERATION_MS;

function tableOf(maxClaims: number) {
  const table = new ClaimTable(maxClaims, secretHash());
  const claim = (nonce: string, attempt: string, claimMs: number, atMs = 0): boolean =>
    table.claim('sid', nonce, attempt, claimMs, START + atMs);
  return { table, claim };
}

describe('a claim', () => {
  test('is remembered to the end of its generation, and not for longer', () => {
    const { table, claim } = tableOf(10);
    expect(claim('n', 'first', GENERATION_MS - 1)).toBe(true);
    expect(claim('n', 'second', 1, GENERATION_MS - 1)).toBe(false);
    expect(table.size).toBe(1);
    expect(claim('n', 'second', 1, GENERATION_MS)).toBe(true);
    expect(table.size).toBe(1);
    expect(claim('n', 'first', 1, GENERATION_MS)).toBe(false);
  });

  test('that ends with a generation is in the next one', () => {
    const { claim } = tableOf(10);
    expect(claim('n', 'first', GENERATION_MS)).toBe(true);
    expect(claim('n', 'second', 1, 2 * GENERATION_MS - 1)).toBe(false);
    expect(claim('n', 'second', 1, 2 * GENERATION_MS)).toBe(true);
  });

  test('made again by the same attempt lasts for the longer of the two times, and counts once', () => {
    const { table, claim } = tableOf(1);
    expect(claim('n', 'first', 0)).toBe(true);
    expect(claim('n', 'first', 3 * GENERATION_MS)).toBe(true);
    expect(claim('n', 'first', 0)).toBe(true);
    expect(table.size).toBe(1);
    expect(table.largestMap).toBe(1);
    expect(claim('n', 'second', 0, 4 * GENERATION_MS - 1)).toBe(false);
    expect(claim('n', 'second', 0, 4 * GENERATION_MS)).toBe(true);
    expect(table.size).toBe(1);
  });

  test('is of one sid and one nonce, however the two are joined', () => {
    const { table } = tableOf(10);
    const pairs = [
      ['a', 'b:c'],
      ['a:b', 'c'],
      ['', 'a:b:c'],
      ['1:a', 'b'],
      ['1', 'a:b'],
      ['1', 'eleven char'],
      ['eleven char', ''],
    ];
    for (const [sid = '', nonce = ''] of pairs)
      expect(table.claim(sid, nonce, `attempt of ${sid}`, 1, START), `${sid} ${nonce}`).toBe(true);
    expect(table.size).toBe(pairs.length);
  });
});

describe('a full table', () => {
  test('takes no other claim, knows those it holds, and has room again when a generation has ended', () => {
    const { table, claim } = tableOf(2);
    claim('a', 'first', 0);
    claim('b', 'first', GENERATION_MS);
    expect(() => claim('c', 'first', 0)).toThrow(/full/);
    expect(claim('a', 'first', 0)).toBe(true);
    expect(claim('a', 'second', 0)).toBe(false);
    expect(table.size).toBe(2);
    expect(claim('c', 'first', GENERATION_MS, GENERATION_MS)).toBe(true);
    expect(() => claim('d', 'first', 0, GENERATION_MS)).toThrow(/full/);
    expect(claim('b', 'second', 0, GENERATION_MS)).toBe(false);
  });
});

describe('nonces', () => {
  test.each([
    ['that count up', (i: number) => String(i)],
    ['that differ in the first character only', (i: number) => `${String.fromCharCode(i)}AAAAAAAAAAAAAAA`],
    ['that differ in the last two', (i: number) => `AAAAAAAAAAAAAA${String.fromCharCode(i >> 8, i & 255)}`],
    ['that differ in high bits only', (i: number) => `${String.fromCharCode((i & 255) << 8, i & 0xff00)}A`],
    ['of one character', (i: number) => 'A'.repeat(i % 500) + String(Math.floor(i / 500))],
  ])('fall into no common shard when a client chooses ones %s', (_, nonceOf) => {
    const table = new ClaimTable(5_000_000, secretHash());
    for (let i = 0; i < 60_000; i++) table.claim('sid', nonceOf(i), 'attempt', 120_000, START);
    // 60 000 over 2048 shards are 29 each.
    expect(table.largestMap).toBeLessThan(600);
  });
});
