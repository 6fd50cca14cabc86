/** Token buckets: a burst at once, a rate in the long run, for each address. */
import { describe, expect, test } from 'vitest';
import { tokenBucket } from '../../src/adapter/rate-limit.ts';
import { collectGarbage } from '../support/used-memory.ts';

function limiter(options: { maxAddresses?: number } = {}) {
  const clock = { now: 0 };
  const take = tokenBucket({
    perSecond: 2,
    burst: 3,
    global: { perSecond: 10, burst: 5 },
    now: () => clock.now,
    ...options,
  });
  return { clock, take };
}

describe('tokenBucket', () => {
  test('lets the burst through, then one for each interval', () => {
    const { clock, take } = limiter();
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([0, 0, 0, 1]);
    clock.now += 499;
    expect(take('a')).toBe(1);
    clock.now += 1;
    expect([take('a'), take('a')]).toEqual([0, 1]);
  });

  test('never holds more than the burst', () => {
    const { clock, take } = limiter();
    expect(take('a')).toBe(0);
    clock.now += 3_600_000;
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([0, 0, 0, 1]);
  });

  test('tells whole seconds, rounded up', () => {
    const clock = { now: 0 };
    const take = tokenBucket({
      perSecond: 0.1,
      burst: 1,
      global: { perSecond: 1, burst: 1 },
      now: () => clock.now,
    });
    expect([take('a'), take('a')]).toEqual([0, 10]);
    clock.now += 1;
    expect(take('a')).toBe(10);
    clock.now += 9_998;
    expect(take('a')).toBe(1);
    clock.now += 1;
    expect(take('a')).toBe(0);
  });

  test('counts each address for itself, and the unknown ones together', () => {
    const { take } = limiter();
    const all = (address: string | undefined, times: number): unknown[] =>
      Array.from({ length: times }, () => take(address));
    expect(all('a', 4)).toEqual([0, 0, 0, 1]);
    expect(all('b', 4)).toEqual([0, 0, 0, 1]);
    expect(all(undefined, 6)).toEqual([0, 0, 0, 0, 0, 1]);
  });

  test('remembers so many addresses, and forgets the longest unseen one', () => {
    const { take } = limiter({ maxAddresses: 2 });
    for (const address of ['a', 'a', 'a', 'b', 'b', 'b', 'a']) void take(address);
    expect(take('a')).toBe(1);
    void take('c');
    expect(take('a')).toBe(1);
    expect(take('b')).toBe(0);
  });

  test('a clock that is set back gives nothing and takes nothing', () => {
    const { clock, take } = limiter();
    for (let i = 0; i < 3; i++) void take('a');
    clock.now -= 10_000;
    expect(take('a')).toBe(1);
    clock.now += 500;
    expect(take('a')).toBe(0);
  });

  test('remembers of an address no more than it takes to tell it, whatever header it was cut out of', () => {
    const used = (): number => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const ADDRESSES = 1000;
    const { take } = limiter();
    // Of what a proxy appends to, whoever asks has written the beginning.
    const ofOne = (number: number): string => {
      const { headers } = new Request('https://app.example', {
        headers: { 'x-forwarded-for': `${'9'.repeat(15_000)}${number}, 2001:db8:ffff:${number}` },
      });
      return headers.get('x-forwarded-for')?.split(', ').at(-1) ?? '';
    };
    expect(take(ofOne(ADDRESSES))).toBe(0);
    const before = used();
    for (let number = 0; number < ADDRESSES; number++) expect(take(ofOne(number))).toBe(0);
    for (let number = 0; number < ADDRESSES; number++) expect(take(`${number}`.padEnd(15_000, 'x'))).toBe(0);
    // 1200 to 1500, most of it a constant; the headers have ten times as much.
    expect((used() - before) / ADDRESSES).toBeLessThan(5000);
    expect([take('a'), take('a'), take('a'), take('a')]).toEqual([0, 0, 0, 1]);
  });
});
