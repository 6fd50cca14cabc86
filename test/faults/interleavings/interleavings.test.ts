/**
 * The client's state machine in any interleaving: calls through every door, rotations, handshakes, terminations and
 * aborts, while messages are held back, lost, forged, cut and sent again, clocks jump, sessions expire, and the store
 * fails and forgets. No mutation runs twice; a call ends, with its right answer or an error that tells the truth;
 * what nothing harms succeeds; and when it is over no key, timer or stray error is left.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, test, vi } from 'vitest';
import type * as heldSession from '../../../src/protocol/held-session.ts';
import { PROPERTY_TIMEOUT_MS, runs } from '../../support/property.ts';
import { calm, rotating, type Step, skewMs, stormy } from './steps.ts';
import { World } from './world.ts';

vi.mock('../../../src/protocol/held-session.ts', async (original) => {
  const { HeldSession } = await original<typeof heldSession>();
  const { watching } = await import('./watched-sessions.ts');
  return { HeldSession: watching(HeldSession) };
});

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] }),
);
afterEach(() => void vi.useRealTimers());

async function holds(
  skew: fc.Arbitrary<number>,
  sequences: fc.Arbitrary<Step[]>,
  usualRuns: number,
): Promise<void> {
  // What is loaded at first use takes turns of its own: a run that is brought back by its seed must not differ.
  await new World(0).run([]);
  const property = fc.asyncProperty(skew, sequences, (apartMs, steps) => new World(apartMs).run(steps));
  await fc.assert(property, runs(usualRuns));
}

const timeout = PROPERTY_TIMEOUT_MS;

test('without any harm every call is answered', { timeout }, () => holds(fc.constant(0), calm, 40));

test('without any harm every call is answered, however often the session is rotated', { timeout }, () =>
  holds(fc.constant(0), rotating, 70),
);

test('whatever is done to it, the client tells the truth and recovers', { timeout }, () =>
  holds(skewMs, stormy, 180),
);
