/** Attacks on the authentication of requests (rows 21 to 37): what the way can do to a sealed request's headers. */
import { afterAll, beforeAll, describe, test } from 'vitest';
import { expectRefused, openSession, startWorld, type World, withHeaders } from './harness.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

describe('row 21', () => {
  test('row 21: X-Nen-Session missing', async () => {
    const session = await openSession(world);
    await expectRefused(
      world,
      session,
      withHeaders(await session.seal(), { 'X-Nen-Session': undefined }),
      'ISO-2001',
    );
  });
});
