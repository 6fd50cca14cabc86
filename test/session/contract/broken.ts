/** Runs cases of the contract against a store that is broken in one place. */
import { expect, test } from 'vitest';
import type { ClaimOptions, ClaimResult, SessionStore } from '../../../src/session/index.ts';
import { testSessionStore } from '../../../src/session/testing.ts';
import { PlainStore } from './plain-store.ts';

/** The methods that are broken, over the store as it should be. */
export type Breakage = (good: PlainStore) => Partial<SessionStore>;

export type Claim = (
  sid: string,
  nonce: string,
  attempt: string,
  options: ClaimOptions,
) => Promise<ClaimResult>;

/** The contract's cases for stores that `create` makes on a clock of their own. */
export function casesFor(create: () => [SessionStore, PlainStore]): Map<string, () => Promise<void>> {
  const cases = new Map<string, () => Promise<void>>();
  let plain: PlainStore;
  testSessionStore(
    { test: (name, run) => void cases.set(name, run) },
    {
      create() {
        const [store, clock] = create();
        plain = clock;
        return store;
      },
      advance: (ms) => {
        plain.now += ms;
      },
    },
  );
  return cases;
}

/** The store, but for these methods. */
export function breaking(good: PlainStore, breakage: Breakage): SessionStore {
  return {
    epoch: (sid) => good.epoch(sid),
    create: (sid, record, ttlMs) => good.create(sid, record, ttlMs),
    read: (sid) => good.read(sid),
    claim: (sid, nonce, attempt, options) => good.claim(sid, nonce, attempt, options),
    rotate: (oldSid, newSid, record, ttlMs) => good.rotate(oldSid, newSid, record, ttlMs),
    delete: (sid) => good.delete(sid),
    ...breakage(good),
  };
}

/** One fault a row: what the store does, how, and what the case says of it. */
export type Fault = readonly [fault: string, breakage: Breakage, finding: string | RegExp];

/** Tests that the contract's case of this name finds each of the faults. */
export function finds(rule: string, faults: readonly Fault[]): void {
  test.each(faults)(`${rule}: this finds a store that %s`, async (_, breakage, finding) => {
    const run = casesFor(() => {
      const good = new PlainStore();
      return [breaking(good, breakage), good];
    }).get(rule);
    if (run === undefined) throw new Error(`the contract has no such case: ${rule}`);
    const found = await run().then(
      () => 'nothing',
      (error: unknown) => (error as Error).message,
    );
    if (typeof finding === 'string') expect(found).toBe(finding);
    else expect(found).toMatch(finding);
  });
}

/** A claim by way of another: with other arguments, or another answer. */
export function claiming(change: (claim: Claim, good: PlainStore) => Claim): Breakage {
  return (good) => ({ claim: change((...args) => good.claim(...args), good) });
}

/** Lets others in between a check and what depends on it. */
export const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
