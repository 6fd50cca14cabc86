/** The server's clock as the client keeps it: it may lag, never lead, and tells when it can't be relied on. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { deviceClock, ServerClock } from '../../src/link/client/clock.ts';
import { Clocks, START_MS } from './channel.ts';

it('goes on from the server time as the monotonic clock does', () => {
  const device = new Clocks();
  const clock = new ServerClock(1_700_000_000_000, device);
  expect(clock.now()).toBe(1_700_000_000_000);
  device.pass(1_234);
  expect(clock.now()).toBe(1_700_000_001_234);
});

it('is whole and never ahead, whatever fractions the monotonic clock counts in', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      (from, to) => {
        const device = new Clocks();
        device.monotonicMs = from;
        const clock = new ServerClock(START_MS, device);
        device.monotonicMs = from + to;
        expect(Number.isInteger(clock.now())).toBe(true);
        // One ulp of such a sum is 2^-12 ms.
        expect(clock.now()).toBeLessThanOrEqual(START_MS + to + 0.001);
      },
    ),
  );
});

it.each([
  ['a wall clock that is set 5 s ahead', 5_000, false],
  ['one that is set 5.001 s ahead', 5_001, true],
  ['one that is set 5.001 s back', -5_001, true],
  ['one that is set a day back', -86_400_000, true],
] as const)('%s', (_name, jumpMs, drifted) => {
  const device = new Clocks();
  const clock = new ServerClock(START_MS, device);
  device.pass(60_000);
  expect(clock.drifted()).toBe(false);
  device.wallMs += jumpMs;
  expect(clock.drifted()).toBe(drifted);
});

it('a wall clock that was wrong from the start is no drift', () => {
  const device = new Clocks();
  device.wallMs = 0;
  const clock = new ServerClock(START_MS, device);
  device.pass(3_000_000);
  expect(clock.drifted()).toBe(false);
  expect(clock.now()).toBe(START_MS + 3_000_000);
});

it('the device has both clocks', () => {
  expect(Math.abs(deviceClock.wall() - Date.now())).toBeLessThan(1_000);
  expect(deviceClock.monotonic()).toBeGreaterThan(0);
});
