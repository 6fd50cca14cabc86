/**
 * The store contract as its users run it: what it lets pass, and what it makes of their stores. What each of its cases
 * finds: contract/claims.test.ts and contract/sessions.test.ts.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SessionStore } from '../../src/session/index.ts';
import { testSessionStore } from '../../src/session/testing.ts';
import { breaking, casesFor, pause } from './contract/broken.ts';
import { PlainStore } from './contract/plain-store.ts';

/** What each case says of the store, where it finds something. */
async function findings(store: SessionStore, clock: PlainStore): Promise<string[]> {
  const found: string[] = [];
  for (const [name, run] of casesFor(() => [store, clock]))
    await run().catch((error: unknown) => found.push(`${name}: ${(error as Error).message}`));
  return found;
}

/** The store, each of whose calls takes a turn of the event loop. */
function late(good: PlainStore): SessionStore {
  return {
    epoch: (sid) => pause().then(() => good.epoch(sid)),
    create(sid, given, ttlMs) {
      const record = given.slice();
      return pause().then(() => good.create(sid, record, ttlMs));
    },
    read: (sid) => pause().then(() => good.read(sid)),
    claim: (...args) => pause().then(() => good.claim(...args)),
    rotate(oldSid, newSid, given, ttlMs) {
      const record = given.slice();
      return pause().then(() => good.rotate(oldSid, newSid, record, ttlMs));
    },
    delete: (sid) => pause().then(() => good.delete(sid)),
  };
}

test.each<readonly [string, (good: PlainStore) => SessionStore]>([
  ['is whole', (good) => good],
  ['answers later', late],
  [
    'remembers claims for longer than it is asked to',
    (good) =>
      breaking(good, () => ({
        claim: (sid, nonce, attempt, options) =>
          good.claim(sid, nonce, attempt, { ...options, claimMs: options.claimMs + 60_000 }),
      })),
  ],
  [
    'puts the new session in before it takes the old one out',
    (good) =>
      breaking(good, () => ({
        async rotate(oldSid, newSid, record, ttlMs) {
          await good.create(newSid, record, ttlMs);
          const taken = await good.delete(oldSid);
          if (!taken) await good.delete(newSid);
          return taken;
        },
      })),
  ],
  [
    'reads Buffers',
    (good) =>
      breaking(good, () => ({
        read: async (sid) => {
          const record = await good.read(sid);
          return record && Buffer.from(record);
        },
      })),
  ],
  ...['a', 'ab', 'ba', '-', 'A'.repeat(64)].map(
    (epoch) =>
      [
        `calls its memory ${epoch}`,
        (good: PlainStore) =>
          breaking(good, () => ({
            epoch: async () => epoch,
            claim: (sid, nonce, attempt, { epoch: named, ...options }) =>
              named === undefined || named === epoch
                ? good.claim(sid, nonce, attempt, options)
                : Promise.resolve('gone'),
          })),
      ] as const,
  ),
])('a store that %s keeps the contract, also when it remembers an earlier run', async (_, storeOver) => {
  const good = new PlainStore();
  const store = storeOver(good);
  expect(await findings(store, good)).toEqual([]);
  expect(await findings(store, good)).toEqual([]);
});

test('each case is shown to find a fault', () => {
  const tests = ['claims', 'sessions'].map((name) =>
    readFileSync(new URL(`contract/${name}.test.ts`, import.meta.url), 'utf8'),
  );
  const names = [...casesFor(() => [new PlainStore(), new PlainStore()]).keys()];
  const isShown = (name: string): boolean => tests.some((text) => text.includes(name));
  expect(names.filter((name) => !isShown(name))).toEqual([]);
});

test('each case has a store of its own, which is closed when it is over, however that ends', async () => {
  const [made, closed]: [PlainStore[], PlainStore[]] = [[], []];
  const runs: (() => Promise<void>)[] = [];
  testSessionStore(
    { test: (_, run) => void runs.push(run) },
    {
      async create() {
        const store = new PlainStore();
        // Half of them find one that is down.
        if (made.push(store) % 2 === 0) store.create = () => Promise.reject(new Error('down'));
        return store;
      },
      close: async (store) => void closed.push(store),
      advance: (ms) => {
        const store = made.at(-1);
        if (store !== undefined) store.now += ms;
      },
    },
  );
  const results: string[] = [];
  for (const run of runs) results.push(await run().then(() => 'passed', String));
  expect(new Set(results)).toEqual(new Set(['passed', 'Error: down']));
  expect(new Set(closed).size).toBe(runs.length);
  expect(closed).toEqual(made);
});
