/** A store with sealed records is a store like any other. */
import { describe, test } from 'vitest';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SealedSessionStore } from '../../src/session/sealed-store.ts';
import { testSessionStore } from '../../src/session/testing.ts';
import { turningKms } from './kms.ts';

describe('the sealed store keeps the contract', () => {
  let now = 1_790_000_000_000;
  const ring = new KeyRing([turningKms()], () => now);
  testSessionStore(
    { test },
    {
      create: () => new SealedSessionStore(new InMemorySessionStore({ now: () => now }), () => ring),
      advance: (ms) => {
        now += ms;
      },
    },
  );
});
