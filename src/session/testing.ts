/**
 * `trpc-nen/session/testing`: the contract of a session store as tests, for every store here and for
 * people's own. Needs no test runner of its own:
 *   testSessionStore({ test: it }, { create: () => new MyStore(url), close: (store) => store.quit() });
 * What it can't show of a shared store: that claims survive restart, failover and memory pressure, or that
 * the epoch changes when they don't.
 */
import type { ContractContext } from './contract/case.ts';
import { CLAIM_CASES } from './contract/claims.ts';
import { SESSION_CASES } from './contract/sessions.ts';
import type { SessionStore } from './types.ts';

/** Any runner with a function that registers a test: vitest, node:test, jest, mocha. */
export interface SessionStoreTestRunner {
  /** Adds one test. */
  test(name: string, run: () => Promise<void>): void;
}

/** What the contract's tests are run with. */
export interface SessionStoreTestOptions<Store extends SessionStore> {
  /** Makes a store for one test. Those behind it may share one server: every test uses names of its own. */
  create(): Promise<Store> | Store;
  /** Closes what `create` made. */
  close?(store: Store): Promise<void> | void;
  /** Moves the store's clock. Without it the tests really wait, a few times `shortMs` each. */
  advance?(ms: number): Promise<void> | void;
  /** In milliseconds, well above the time of three calls of the store. Default 250. */
  readonly shortMs?: number;
}

/** Registers the tests of the contract with `runner`. */
export function testSessionStore<Store extends SessionStore>(
  runner: SessionStoreTestRunner,
  options: SessionStoreTestOptions<Store>,
): void {
  const shortMs = options.shortMs ?? 250;
  const wait = async (ms: number): Promise<void> => {
    if (options.advance !== undefined) await options.advance(ms);
    else await new Promise((resolve) => setTimeout(resolve, ms));
  };
  for (const [name, run] of [...SESSION_CASES, ...CLAIM_CASES]) {
    runner.test(name, async () => {
      const store = await options.create();
      const context: ContractContext = { store, wait, shortMs };
      try {
        await run(context);
      } finally {
        await options.close?.(store);
      }
    });
  }
}
