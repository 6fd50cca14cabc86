/**
 * T11: clocks that are wrong, under load: of instances that share a store, and of clients, which are days off or
 * are set while they call.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { DeviceClock } from '../../src/link/client/clock.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { judge, startLoad, type Verdict } from '../faults/long/load.ts';
import { type Instance, startInstance } from '../faults/stage.ts';
import { report } from '../support/figures.ts';
import { lasting } from '../support/share.ts';

const CLIENTS = 4;
const CALLS_AT_ONCE = 8;
const LOAD_MS = 3000;
const JUMPS = 10;
const DAY_MS = 86_400_000;

let fleet: Instance[] = [];
afterEach(async () => {
  await Promise.all(fleet.splice(0).map((one) => one.close()));
});

interface Run {
  /** Of the instances, beside the true time. */
  readonly offsetsMs: readonly (() => number)[];
  /** Which of them answers all handshakes; all in turn, if absent. */
  readonly handshakesAt?: number;
  readonly clock?: DeviceClock;
  readonly meanwhile?: () => Promise<void>;
}

/** Calls without end, spread over all instances. */
async function run({
  offsetsMs,
  handshakesAt,
  clock,
  meanwhile = () => pause(lasting(LOAD_MS)),
}: Run): Promise<{
  verdict: Verdict;
  refused: number;
}> {
  const store = new InMemorySessionStore();
  fleet = await Promise.all(
    offsetsMs.map((offsetMs) => startInstance({ store, clock: () => Date.now() + offsetMs() })),
  );
  const [first] = fleet;
  if (first === undefined) throw new TypeError('no instance');
  let turn = 0;
  const load = startLoad({
    url: first.url,
    transport: (url, init) => {
      const at = url.endsWith('/handshake') ? (handshakesAt ?? turn++) : turn++;
      return fetch(url.replace(first.url, fleet[at % fleet.length]?.url ?? ''), init as RequestInit);
    },
    clients: CLIENTS,
    calls: CALLS_AT_ONCE,
    ...(clock && { clock }),
  });
  await meanwhile();
  await load.stop();
  const verdict = judge(
    load.fates,
    fleet.flatMap(({ ran }) => ran),
  );
  expect([verdict.lies, verdict.ranTwice, verdict.untyped]).toEqual([0, 0, 0]);
  expect(verdict.calls).toBeGreaterThanOrEqual(CLIENTS * CALLS_AT_ONCE);
  return { verdict, refused: fleet.flatMap(({ hints }) => hints('ISO-3003')).length };
}

const exact = (): number => 0;

test.each([25_000, -25_000])('T11: an instance %i ms beside the others', async (offsetMs) => {
  const { verdict, refused } = await run({ offsetsMs: [exact, () => offsetMs, exact] });
  report({
    target: 'T11',
    done: `one of 3 instances ${offsetMs / 1000} s beside the others`,
    aim: '100 % success',
    figures: `${verdict.ok} of ${verdict.calls} ok, ${refused} refused for their time`,
  });
  expect([verdict.ok, refused]).toEqual([verdict.calls, 0]);
});

test.each([
  { what: 'one of 3 instances 45 s ahead, beyond the window', offsets: [0, 45_000, 0] },
  { what: 'one of 3 instances 45 s behind, beyond the window', offsets: [0, -45_000, 0] },
  { what: 'one of 3 instances 25 s ahead and one 25 s behind, 50 s apart', offsets: [25_000, 0, -25_000] },
])('T11: $what', async ({ what, offsets }) => {
  const { verdict, refused } = await run({ offsetsMs: offsets.map((offsetMs) => () => offsetMs) });
  report({
    target: 'T11',
    done: what,
    aim: 'recovered within 1 retry, or told; 0 run twice',
    figures: `${verdict.ok} of ${verdict.calls} ok, ${verdict.calls - verdict.ok} told (${JSON.stringify(verdict.errors)}), ${verdict.ranTwice} run twice; ${refused} refused for their time`,
  });
  const told = Object.keys(verdict.errors).filter((error) => !/^ISO-(3003|5002) unknown$/.test(error));
  expect(told).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});

test('T11: instances 25 s ahead and 25 s behind, for clients whose sessions are made between', async () => {
  const { verdict, refused } = await run({
    offsetsMs: [exact, () => 25_000, () => -25_000],
    handshakesAt: 0,
  });
  report({
    target: 'T11',
    done: 'one of 3 instances 25 s ahead and one 25 s behind, handshakes at the third',
    aim: '100 % success',
    figures: `${verdict.ok} of ${verdict.calls} ok, ${refused} refused for their time`,
  });
  expect([verdict.ok, refused]).toEqual([verdict.calls, 0]);
});

test.each([DAY_MS, -DAY_MS])('T11: clients whose clock is %i ms off', async (offsetMs) => {
  const clock = { wall: () => Date.now() + offsetMs, monotonic: () => performance.now() };
  const { verdict, refused } = await run({ offsetsMs: [exact, exact], clock });
  report({
    target: 'T11',
    done: `clients ${offsetMs / DAY_MS} day off`,
    aim: '100 % success',
    figures: `${verdict.ok} of ${verdict.calls} ok, ${refused} refused for their time`,
  });
  expect([verdict.ok, refused]).toEqual([verdict.calls, 0]);
});

test('T11: clients whose clock is set back and forth by a day while they call', async () => {
  let offsetMs = 0;
  const clock = { wall: () => Date.now() + offsetMs, monotonic: () => performance.now() };
  const jump = async (): Promise<void> => {
    for (let i = 1; i <= JUMPS; i++) {
      await pause(lasting(LOAD_MS / JUMPS));
      offsetMs = i % 2 === 0 ? -DAY_MS : DAY_MS;
    }
  };
  const { verdict } = await run({ offsetsMs: [exact, exact], clock, meanwhile: jump });
  report({
    target: 'T11',
    done: `clients whose clock is set by a day and more, ${JUMPS} times, while they call`,
    aim: '100 % success',
    figures: `${verdict.ok} of ${verdict.calls} ok, longest ${verdict.longestMs} ms`,
  });
  expect(verdict.ok).toBe(verdict.calls);
});

test('T11: instances whose clocks are set by 25 s while they serve', async () => {
  const offsets = [0, 0];
  const jump = async (): Promise<void> => {
    for (let i = 1; i <= JUMPS; i++) {
      await pause(lasting(LOAD_MS / JUMPS));
      offsets[i % offsets.length] = (i % 3) * 12_500;
    }
  };
  const { verdict } = await run({ offsetsMs: offsets.map((_, i) => () => offsets[i] ?? 0), meanwhile: jump });
  report({
    target: 'T11',
    done: `2 instances whose clocks are set between 0 and 25 s ahead, ${JUMPS} times, while they serve`,
    aim: '100 % success',
    figures: `${verdict.ok} of ${verdict.calls} ok, longest ${verdict.longestMs} ms`,
  });
  expect(verdict.ok).toBe(verdict.calls);
});
