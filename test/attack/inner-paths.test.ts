/** Row 156: an inner path that one reader would take for another, or that leaves the endpoint. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AttackSession,
  expectGood,
  expectSealedRefusal,
  openHttp,
  openSession,
  send,
  startWorld,
  type World,
} from './harness.ts';

let world: World;
let session: AttackSession;
beforeAll(async () => {
  world = await startWorld();
  session = await openSession(world);
});
afterAll(() => world.close());

const FORMS = [
  ['leaves the endpoint by ..', '/api/trpc/../admin'],
  ['ends in ..', '/api/trpc/..'],
  ['has . in it', '/api/trpc/./hello'],
  ['leaves by %2e%2e', '/api/trpc/%2e%2e/admin'],
  ['leaves by %2E%2E', '/api/trpc/%2E%2E/admin'],
  ['leaves by .%2e', '/api/trpc/.%2e/admin'],
  ['has an empty segment', '/api/trpc//hello'],
  ['begins with two slashes', '//api/trpc/hello'],
  ['names another host', '//evil.example/api/trpc/hello'],
  ['has a backslash', '/api/trpc/..\\admin'],
  ['begins with a backslash', '\\api/trpc/hello'],
  ['has a fragment', '/api/trpc/hello#x'],
  ['has a fragment in its query', '/api/trpc/hello?input=1#x'],
  ['has a space', '/api/trpc/hel lo'],
  ['has a tab', '/api/trpc/hel\tlo'],
  ['has a line end', '/api/trpc/hello\r\nX-Forwarded-For: 1'],
  ['has a NUL', '/api/trpc/hello\0'],
  ['has a character beyond ASCII', '/api/trpc/h\xe9llo'],
  ['is absolute', 'https://victim.example/api/trpc/hello'],
  ['is relative', 'api/trpc/hello'],
  ['is empty', ''],
  ['is the endpoint', '/api/trpc'],
  ['is the endpoint with a slash', '/api/trpc/'],
  ['is beside the endpoint', '/api/trpcx/hello'],
  ['is another route', '/api/admin'],
  ['is the tunnel itself', '/api/trpc/sealed'],
  ['is the tunnel itself, with a query', '/api/trpc/sealed?x'],
] as const;

describe('row 156: the inner path', () => {
  test.each(FORMS)('row 156: %s: %j', async (name, path) => {
    await expectGood(world, session);
    const ran = [...world.ran];
    for (const encoding of ['json', 'octets'] as const) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const call = await session.tunnel({ method, path }, { encoding });
        const response = await send(world, call);
        // The endpoint with a slash is under it, and names no procedure: tRPC's own answer.
        if (name === 'is the endpoint with a slash')
          expect([404, 405, 415]).toContain((await openHttp(call, response)).status);
        else await expectSealedRefusal(call, response, 'ISO-4006');
      }
    }
    expect(world.ran).toEqual(ran);
    await expectGood(world, session);
  });

  test('row 156: the outer path is another tunnel than the inner one belongs to', async () => {
    const ran = [...world.ran];
    const call = await session.tunnel({ path: '/api/trpc/hello?input=1' }, { target: '/api/echo/sealed' });
    await expectSealedRefusal(call, await send(world, call), 'ISO-4006');
    expect(world.ran).toEqual(ran);
    await expectGood(world, session);
  });
});
