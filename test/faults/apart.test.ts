/**
 * Row 100: one instance 25 s ahead and one 25 s behind, over one store, with one between them whose clock is
 * right. What one takes for now, another takes for fifty seconds ago: a copy that one no longer takes in time
 * is fresh to the other, which must know it by its claim.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import type { NenClientOptions } from '../../src/link/client/index.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { AUDIENCE, type SealedCall, TestClock } from '../attack/harness.ts';
import {
  allRan,
  call,
  clientOf,
  type Instance,
  openSession,
  plainCode,
  send,
  startInstance,
} from './stage.ts';

const APART_MS = 25_000;
const WINDOW_MS = 30_000;
/** Beyond every claim: the longest lives 150 s. */
const SWEEP_MS = 200_000;
const STEP_MS = 10_000;

type Place = 'ahead' | 'between' | 'behind';
const PLACES: readonly Place[] = ['ahead', 'between', 'behind'];
const OFFSETS_MS: Record<Place, number> = { ahead: APART_MS, between: 0, behind: -APART_MS };

let clock: TestClock;
let fleet: Record<Place, Instance>;
let all: Instance[];
beforeEach(async () => {
  clock = new TestClock();
  const { now } = clock;
  const store = new InMemorySessionStore({ now });
  const at = (place: Place): Promise<Instance> =>
    startInstance({ store, clock: () => now() + OFFSETS_MS[place] });
  const [ahead, between, behind] = [await at('ahead'), await at('between'), await at('behind')];
  fleet = { ahead, between, behind };
  all = Object.values(fleet);
});
afterEach(() => Promise.all(all.map((one) => one.close())));

const codeAt = async (place: Place, request: SealedCall): Promise<string> =>
  plainCode(await send(fleet[place], request));

/** A real client of the device's right clock; its requests go where `route` says. */
function victim(route: (url: string) => Place, options: NenClientOptions = {}) {
  return clientOf([fleet.between], {
    clock: { wall: clock.now, monotonic: clock.now },
    ...options,
    fetch: (url, init) =>
      (options.fetch ?? fetch)(
        url.replace(fleet.between.url, fleet[route(url)].url),
        init as RequestInit & typeof init,
      ),
  });
}

const isHandshake = (url: string): boolean => url.endsWith('/handshake');

test('row 100: a session that was made between them is good at both, and nobody misses the window', async () => {
  let turn = 0;
  const client = victim((url) => (isHandshake(url) ? 'between' : turn++ % 2 === 0 ? 'ahead' : 'behind'));
  for (let i = 0; i < 20; i++) expect(await call(client, fleet.between.url, `${i}`)).toBe(`${i}`);
  expect([fleet.ahead.ran.length, fleet.behind.ran.length]).toEqual([10, 10]);
  expect(all.flatMap(({ hints }) => hints('ISO-3003'))).toEqual([]);
});

describe('row 100: a request that has run, and copies of it for everybody until nobody takes its time', () => {
  const edges = (['ahead', 'behind'] as const).flatMap((place) =>
    [-WINDOW_MS, 0, WINDOW_MS].map((sinceMs) => ({ place, sinceMs })),
  );

  test.each(edges)('run $place, $sinceMs ms from its now: once', async ({ place, sinceMs }) => {
    const session = await openSession(fleet.between);
    const timestamp = clock.now() + OFFSETS_MS[place] + sinceMs;
    const request = await session.seal({ payload: '"pay"', timestamp });
    expect(await codeAt(place, request)).toBe('');
    const codes = new Set<string>();
    for (let atMs = 0; atMs <= SWEEP_MS; atMs += STEP_MS, clock.advance(STEP_MS)) {
      for (const other of PLACES) codes.add(await codeAt(other, request));
    }
    expect([...codes].toSorted()).toEqual(['ISO-3003', 'ISO-5001']);
    expect(allRan(all)).toEqual(['"pay"']);
  });

  test('a rotation at the other instance takes no claim away, and lets no request in that was held back', async () => {
    const session = await openSession(fleet.between);
    const ran = await session.seal({ payload: '"pay"' });
    const held = await session.seal({ payload: '"held back"' });
    expect(await codeAt('ahead', ran)).toBe('');
    const { hello, keyPair } = await startHandshake(mlKem768Suite(primitives()), AUDIENCE);
    keyPair.wipe();
    const rotation = await session.seal({
      target: '/api/nen/rotate',
      payload: encodeClientHello(hello),
    });
    expect((await send(fleet.behind, rotation)).status).toBe(200);
    // The instance ahead has the old session in its cache still.
    for (let atMs = 0; atMs <= SWEEP_MS; atMs += STEP_MS, clock.advance(STEP_MS)) {
      for (const place of PLACES) {
        for (const copy of [ran, held, rotation]) {
          expect(await codeAt(place, copy)).toMatch(/^ISO-(2002|3003|5001)$/);
        }
      }
    }
    expect(allRan(all)).toEqual(['"pay"']);
  });
});

describe('row 100: a client whose calls go to both', () => {
  test.each(['ahead', 'behind'] as const)(
    'and whose session was made %s: each call is recovered within one retry, or told; nothing twice',
    async (made) => {
      let turn = 0;
      const client = victim((url) => (isHandshake(url) ? made : turn++ % 2 === 0 ? 'ahead' : 'behind'));
      const names = Array.from({ length: 20 }, (_, i) => `pay ${i}`);
      let told = 0;
      for (const name of names) {
        const result = await call(client, fleet.between.url, name).catch((error: unknown) => error);
        if (result === name) continue;
        expect(result).toMatchObject({
          code: expect.stringMatching(/^ISO-(3003|5002)$/),
          outcome: 'unknown',
        });
        told++;
      }
      const ran = allRan(all);
      expect(new Set(ran).size).toBe(ran.length);
      // What was answered has run; what was told may have.
      expect(ran.length).toBeGreaterThanOrEqual(names.length - told);
      const steady = victim(() => 'between');
      expect(await call(steady, fleet.between.url, 'again')).toBe('again');
    },
  );

  test.each(['between', 'ahead'] as const)(
    'and whose session was made %s: a forged 2002 for a call that has run does not run it at the other',
    async (made) => {
      let [calls, handshakes] = [0, 0];
      const client = victim(
        (url) =>
          isHandshake(url) ? (handshakes++ === 0 ? made : 'behind') : calls++ === 0 ? 'ahead' : 'behind',
        {
          fetch: async (url, init) => {
            const response = await fetch(url, init as RequestInit);
            if (isHandshake(url) || calls > 1) return response;
            return Response.json({ error: { code: 'ISO-2002', message: '' } }, { status: 401 });
          },
        },
      );
      const failed = await call(client, fleet.between.url, 'pay').catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: 'ISO-5002', outcome: 'unknown' });
      expect([calls, handshakes]).toEqual([2, 2]);
      expect(allRan(all)).toEqual(['"pay"']);
      expect(await call(client, fleet.between.url, 'after')).toBe('after');
    },
  );
});
