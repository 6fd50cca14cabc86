/** The store contract on the store in memory, with a clock of the test's own. */
import { describe, test } from 'vitest';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { testSessionStore } from '../../src/session/testing.ts';

describe('InMemorySessionStore keeps the contract', () => {
  let now = 1_700_000_000_000;
  testSessionStore(
    { test },
    {
      create: () => new InMemorySessionStore({ now: () => now }),
      advance: (ms) => {
        now += ms;
      },
    },
  );
});

describe('InMemorySessionStore keeps the contract on the real clock', () => {
  testSessionStore({ test: test.concurrent }, { create: () => new InMemorySessionStore(), shortMs: 500 });
});
