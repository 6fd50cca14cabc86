/** Attacks on what is called (rows 51 to 54): batches, methods, session routes, and the way back to plain. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NenError } from '../../src/link/client/index.ts';
import {
  type AttackSession,
  ECHO_PATH,
  expectGood,
  expectNothingRuns,
  expectPlainRefusal,
  expectRefused,
  expectSealedRefusal,
  header,
  inTheMiddle,
  NEN_PATH,
  open,
  openHttp,
  openSession,
  type SealedCall,
  send,
  sendRaw,
  startWorld,
  TUNNEL_PATH,
  toHttpText,
  type WireRequest,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;
let session: AttackSession;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  session = await openSession(world);
});

/** Two mutations in one batch, tunnelled. */
function batch(): Promise<SealedCall> {
  const body = JSON.stringify({ 0: 'a', 1: 'b' });
  return session.tunnel({
    method: 'POST',
    path: '/api/trpc/add,remove?batch=1',
    fields: [['content-type', 'application/json']],
    body,
  });
}

describe('row 51: what a batch calls', () => {
  test('row 51: an honest batch runs its calls, each once', async () => {
    const call = await batch();
    const ranBefore = world.ran.length;
    expect((await openHttp(call, await send(world, call))).status).toBe(200);
    expect(world.ran.slice(ranBefore)).toEqual(['trpc add', 'trpc remove']);
  });

  test('row 51: the outer path names one call less, one more, another order, or the list itself', async () => {
    const call = await batch();
    const paths = ['add', 'add,remove', 'remove,add', 'add,add,remove', 'add,remove?batch=1'];
    const moved = paths.map((path) => ({ ...call, target: `/api/trpc/${path}` }));
    await expectRefused(world, session, moved, 'ISO-3002');
    const direct = await session.seal({ target: '/api/trpc/add?batch=1', payload: '{"0":"a"}' });
    await expectRefused(world, session, { ...direct, target: '/api/trpc/add,remove?batch=1' }, 'ISO-3002');
    await expectRefused(world, session, { ...direct, target: '/api/trpc/add' }, 'ISO-4001');
  });

  test("row 51: in the attacker's own session, the inner path is not the outer one", async () => {
    const calls = [
      await session.tunnel(
        { method: 'POST', path: '/api/trpc/remove', body: '"x"' },
        { target: '/api/trpc/add' },
      ),
      await session.tunnel({ method: 'GET', path: '/api/trpc/add' }, { target: '/api/trpc/add' }),
      await session.tunnel({ method: 'POST', path: '/api/trpc/add', body: '"x"' }, { target: ECHO_PATH }),
      await session.tunnel({ method: 'POST', path: TUNNEL_PATH, body: '"x"' }),
      await session.tunnel({ method: 'POST', path: '/api/echo/x', body: '"x"' }),
      await session.tunnel({ method: 'POST', path: '/api/trpc', body: '"x"' }),
      await session.tunnel(
        { method: 'POST', path: '/api/trpc/add', body: '"x"' },
        { target: `${TUNNEL_PATH}?x` },
      ),
      await session.tunnel({ method: 'POST', path: '/api/trpc/add', body: '"x"' }, { method: 'PUT' }),
    ];
    const ran = [...world.ran];
    for (const call of calls) await expectSealedRefusal(call, await send(world, call), 'ISO-4006');
    expect(world.ran).toEqual(ran);
    await expectGood(world, session);
  });
});

describe('row 52: other methods', () => {
  test('row 52: OPTIONS, TRACE and unknown methods, with and without a seal', async () => {
    const call = await session.tunnel({ method: 'POST', path: '/api/trpc/add', body: '"x"' });
    const others: WireRequest[] = ['OPTIONS', 'PROPFIND', 'QUERY'].flatMap((method) => [
      { ...call, method },
      { method, target: TUNNEL_PATH, headers: {} },
      { method, target: '/api/trpc/add', headers: { 'Content-Type': 'application/json' } },
    ]);
    await expectNothingRuns(world, session, async () => {
      for (const request of others)
        expect((await send(world, request).catch(() => ({ status: 0 }))).status).not.toBe(200);
      expect(await sendRaw(world, toHttpText({ ...call, method: 'TRACE' }))).not.toMatch(/^HTTP\/1.1 200/);
    });
  });

  test('row 52: the methods are inside', async () => {
    const inner = ['OPTIONS', 'CONNECT', 'TRACE', 'TRACK', 'options', 'trace'];
    const calls = await Promise.all(inner.map((method) => session.tunnel({ method, path: '/api/trpc/add' })));
    const ran = [...world.ran];
    for (const call of calls) await expectSealedRefusal(call, await send(world, call), 'ISO-4006');
    expect(world.ran).toEqual(ran);
    await expectGood(world, session);
  });

  test('row 52: HEAD is refused without a seal, and a call like any other with it', async () => {
    await expectNothingRuns(world, session, async () => {
      for (const target of [ECHO_PATH, TUNNEL_PATH, `${NEN_PATH}/status`]) {
        expect((await send(world, { method: 'HEAD', target, headers: {} })).status).toBeGreaterThanOrEqual(
          400,
        );
      }
    });
    const head = await session.seal({ method: 'HEAD', kind: 'none' });
    expect((await open(head, await send(world, head))).kind).toBe('none');
    expect(world.ran.at(-1)).toBe(`HEAD ${ECHO_PATH}`);
  });

  test('row 52: the answer to a HEAD is forged, altered, or that to another HEAD', async () => {
    const answers: Response[] = [];
    let answer = (honest: Response): Response => honest;
    const client = world.client({
      fetch: inTheMiddle(async (_, forward) => {
        const honest = await forward();
        answers.push(honest);
        return answer(honest);
      }),
    });
    const head = (): Promise<Response> => client.fetch(world.url + ECHO_PATH, { method: 'HEAD' });
    const refusedWith = async (code: string): Promise<void> =>
      expect(NenError.from(await head().catch((error: unknown) => error))).toMatchObject({
        code,
        outcome: 'unknown',
      });
    expect((await head()).status).toBe(200);
    answer = () => new Response(null, { status: 200 });
    await refusedWith('ISO-4005');
    answer = ({ headers }) => new Response(null, { status: 404, headers });
    await refusedWith('ISO-4004');
    answer = () => new Response(null, { status: 200, headers: answers[0]?.headers ?? {} });
    await refusedWith('ISO-4004');
    answer = (honest) => honest;
    expect((await head()).status).toBe(200);
  });
});

describe('row 53: the session routes', () => {
  const ROUTES = [
    { method: 'GET', target: `${NEN_PATH}/status`, kind: 'none' },
    { method: 'POST', target: `${NEN_PATH}/terminate`, kind: 'none' },
    { method: 'POST', target: `${NEN_PATH}/rotate`, kind: 'json' },
  ] as const;

  for (const route of ROUTES) {
    test(`row 53: ${route.target} without a signature, with a wrong one, and in the name of another session`, async () => {
      const victim = await openSession(world);
      const call = await session.seal(route);
      const bare = { method: route.method, target: route.target, headers: {} };
      const sid = { 'X-Nen-Session': victim.sid };
      await expectRefused(
        world,
        victim,
        [bare, { ...bare, headers: sid }, withHeaders(call, { 'X-Nen-Signature': undefined })],
        'ISO-3001',
      );
      const wrong = withHeaders(call, { 'X-Nen-Signature': `${'A'.repeat(43)}=` });
      await expectRefused(world, victim, [wrong, withHeaders(call, sid)], 'ISO-3002');
      // Whether a session is there shows only by its code, and that is the same for every unknown one.
      await expectRefused(world, victim, withHeaders(call, { 'X-Nen-Session': 'A'.repeat(22) }), 'ISO-2002');
      await expectGood(world, session);
    });

    test(`row 53: a call of another route is sent to ${route.target}`, async () => {
      const others = ROUTES.filter((other) => other !== route);
      const calls = await Promise.all(others.map((other) => session.seal(other)));
      const moved = calls.map((call) => ({ ...call, method: route.method, target: route.target }));
      await expectRefused(world, session, moved, 'ISO-3002');
    });
  }

  test('row 53: a rotation whose payload is none is refused, and the session survives', async () => {
    const route = { target: `${NEN_PATH}/rotate` };
    for (const payload of ['{}', '{"v":2}', '"x"']) {
      const call = await session.seal({ ...route, payload });
      await expectSealedRefusal(call, await send(world, call), 'ISO-1001');
    }
    const bodyless = await session.seal({ ...route, kind: 'none' });
    await expectSealedRefusal(bodyless, await send(world, bodyless), 'ISO-4006');
    await expectGood(world, session);
  });
});

describe('row 54: back to plain', () => {
  test('row 54: all headers of a sealed request are stripped', async () => {
    const call = await session.seal();
    const stripped = { ...call, headers: { 'Content-Type': header(call, 'Content-Type') } };
    await expectRefused(world, session, [stripped, { ...stripped, target: TUNNEL_PATH }], 'ISO-3007');
  });

  test('row 54: the same where plain requests are let in: there is no session, and no tunnel', async () => {
    const seen: unknown[] = [];
    const lenient = await startWorld({
      plain: 'allow',
      echo: async (req) => {
        seen.push(lenient.nen.session(req)?.sid, await req.text());
        return Response.json({});
      },
    });
    const owner = await openSession(lenient);
    const call = await owner.seal({ payload: '"secret"' });
    const stripped = { ...call, headers: { 'Content-Type': header(call, 'Content-Type') } };
    expect((await send(lenient, stripped)).status).toBe(200);
    expect(seen).toEqual([undefined, Buffer.from(call.body ?? []).toString()]);
    expectPlainRefusal(await send(lenient, { ...stripped, target: TUNNEL_PATH }), 'ISO-3007');
    const honest = await owner.seal({ payload: '"secret"' });
    expect((await open(honest, await send(lenient, honest))).kind).toBe('json');
    expect(seen.slice(2)).toEqual([owner.sid, '"secret"']);
    await lenient.close();
  });
});
