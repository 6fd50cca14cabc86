/** The window of timestamps, the life of a claim, and the header of a retry. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimMs, decodeRetry, encodeRetry, isClaimable, isInWindow } from '../../src/protocol/claims.ts';
import { NOW, sidOf } from './support.ts';

describe('the window of timestamps', () => {
  it.each([
    [-30_001, false],
    [-30_000, true],
    [-1, true],
    [0, true],
    [1, true],
    [30_000, true],
    [30_001, false],
    [Number.NaN, false],
    [Number.POSITIVE_INFINITY, false],
  ])('takes a timestamp %i ms from now: %s', (offset, taken) => {
    expect(isInWindow(NOW + offset, NOW)).toBe(taken);
  });
});

describe('the age at which a nonce may still be claimed', () => {
  it.each([
    [-30_000, true],
    [0, true],
    [59_999, true],
    [60_000, false],
    [120_000, false],
    [Number.NaN, false],
  ])('%i ms after its timestamp: %s', (ageMs, claimable) => {
    expect(isClaimable(NOW, NOW + ageMs)).toBe(claimable);
  });
});

describe('a claim', () => {
  it('lives max(0, timestamp - now) + 2 x window + 60 s', () => {
    expect(claimMs(NOW, NOW)).toBe(120_000);
    expect(claimMs(NOW + 30_000, NOW)).toBe(150_000);
    expect(claimMs(NOW - 30_000, NOW)).toBe(120_000);
  });

  it('outlives every moment at which any instance would take its timestamp again', () => {
    const skew = fc.integer({ min: -60_000, max: 60_000 });
    const age = fc.integer({ min: -30_000, max: 30_000 });
    fc.assert(
      fc.property(skew, age, (otherClock, ageMs) => {
        const timestamp = NOW - ageMs;
        expect(isInWindow(timestamp, NOW)).toBe(true);
        // The other instance's clock reads otherClock more than ours, when ours has moved on to the claim's end.
        const end = NOW + claimMs(timestamp, NOW);
        expect(isInWindow(timestamp, end + otherClock + 1)).toBe(false);
      }),
    );
  });
});

describe("a retry's header", () => {
  const first = { sid: sidOf('first'), timestamp: NOW, nonce: 'AAAAAAAAAAAAAAAA', epoch: 'e-1' };
  const good = `${first.sid} ${NOW} AAAAAAAAAAAAAAAA e-1`;

  it('is sid, timestamp, nonce and epoch of the first attempt', () => {
    expect(encodeRetry(first)).toBe(good);
    expect(decodeRetry(good)).toEqual(first);
  });

  it.each([
    ['', 'nothing'],
    [good.slice(0, -4), 'no epoch'],
    [`${good} `, 'an empty fifth part'],
    [` ${good}`, 'an empty first part'],
    [`${good} x`, 'a fifth part'],
    [good.replace(' ', '  '), 'two spaces'],
    [good.replaceAll(' ', '\t'), 'tabs'],
    [good.replace(first.sid, ''), 'no sid'],
    [good.replace(first.sid, `${first.sid}A`), 'a long sid'],
    [good.replace('1700', '01700'), 'a long timestamp'],
    [good.replace('1700', '0700'), 'a timestamp that begins with zero'],
    [good.replace(String(NOW), 'NaN'), 'a timestamp that is none'],
    [good.replace('AAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAA=='), 'a short nonce'],
    [good.replace('AAAAAAAAAAAAAAAA', 'AAAAAAAA_AAAAAAA'), 'a nonce in the other alphabet'],
    [good.replace('e-1', 'e.1'), 'an epoch of other letters'],
    [`${good}, ${good}`, 'two retries'],
  ])('is not %j: %s', (value) => {
    expect(decodeRetry(value)).toBeUndefined();
  });
});
