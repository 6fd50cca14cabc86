/** Replays and poisoned nonces (rows 37, 39, 43 to 50): what was sent once runs once, whatever is sent again. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bytesToLatin1, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { finishHandshake, startHandshake, UNPINNED } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { importKeys, type SessionContext } from '../../src/protocol/keys.ts';
import {
  type AttackSession,
  AUDIENCE,
  ECHO_PATH,
  expectGood,
  expectNothingRuns,
  expectPlainRefusal,
  expectRefused,
  NEN_PATH,
  open,
  openSession,
  openSocket,
  type SealedCall,
  send,
  startWorld,
  toHttpText,
  type World,
  withHeaders,
} from './harness.ts';

let world: World;
let session: AttackSession;
let call: SealedCall;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  session = await openSession(world);
  call = await session.seal();
});

/** Rotates the session as its owner does. @returns the new one. */
async function rotate({ sid, keys, seal }: AttackSession): Promise<SessionContext> {
  const p = primitives();
  const previous = { sid, exporterSecret: keys.exporterSecret };
  const pending = await startHandshake(mlKem768Suite(p), AUDIENCE, { previous });
  const request = await seal({ target: `${NEN_PATH}/rotate`, payload: encodeClientHello(pending.hello) });
  const { kind, payload } = await open(request, await send(world, request));
  expect(kind).toBe('json');
  const next = await finishHandshake(p, pending, payload, UNPINNED);
  return { sid: next.sid, keys: importKeys(p, next.secrets) };
}

async function terminate({ seal }: AttackSession): Promise<void> {
  const request = await seal({ target: `${NEN_PATH}/terminate`, kind: 'none' });
  expect((await open(request, await send(world, request))).kind).toBe('json');
}

describe('row 37: replay in time', () => {
  const MOMENTS = [0, 29_900, 58_900, 59_900, 61_000, 119_000, 120_100, 149_000, 181_000];

  for (const stampedMs of [-29_900, 0, 29_900]) {
    test(`row 37: a request stamped ${stampedMs} ms is replayed until long after its claim is forgotten`, async () => {
      call = await session.seal({ timestamp: world.clock.now() + stampedMs });
      const ranBefore = world.ran.length;
      expect((await open(call, await send(world, call))).kind).toBe('json');
      let passedMs = 0;
      for (const moment of MOMENTS) {
        world.clock.advance(moment - passedMs);
        passedMs = moment;
        const inWindow = moment - stampedMs <= 30_000;
        expectPlainRefusal(await send(world, call), inWindow ? 'ISO-5001' : 'ISO-3003');
      }
      expect(world.ran.slice(ranBefore)).toEqual([`POST ${ECHO_PATH}`]);
      await expectGood(world, session);
    });
  }

  test('row 37: 50 copies at once run once', async () => {
    const ranBefore = world.ran.length;
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(world, call)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200))
      expectPlainRefusal(answer, 'ISO-5001');
    expect(world.ran.slice(ranBefore)).toEqual([`POST ${ECHO_PATH}`]);
    await expectGood(world, session);
  });

  test('row 37: the body of a copy is held back until the claim of the original is forgotten', async () => {
    const ranBefore = world.ran.length;
    const bytes = toHttpText(call);
    const { socket, received } = openSocket(world);
    const headersRead = world.store.nextRead();
    socket.write(bytes.subarray(0, bytes.length - 10));
    // The copy's headers have passed every check of time by the time the session is there.
    await headersRead;
    expect((await send(world, call)).status).toBe(200);
    world.clock.advance(200_000);
    socket.write(bytes.subarray(bytes.length - 10));
    expect(await received).toMatch(/^HTTP\/1.1 401 [\s\S]*"ISO-3003"/);
    expect(world.ran.slice(ranBefore)).toEqual([`POST ${ECHO_PATH}`]);
    await expectGood(world, session);
  });

  test('row 37: an honest upload that takes half a minute is served', async () => {
    await expectGood(world, session);
    // An instance that has not seen the session yet, so that it asks the store.
    const other = await startWorld({ sharedWith: world });
    const bytes = toHttpText(call);
    const { socket, received } = openSocket(other);
    const headersRead = world.store.nextRead();
    socket.write(bytes.subarray(0, bytes.length - 10));
    await headersRead;
    world.clock.advance(30_001);
    socket.write(bytes.subarray(bytes.length - 10));
    expect(await received).toMatch(/^HTTP\/1.1 200 /);
    expect(other.ran).toEqual([`POST ${ECHO_PATH}`]);
    await other.close();
  });
});

describe('rows 39 and 50: other instances', () => {
  test('row 39: the request is replayed to another instance over the same store', async () => {
    const other = await startWorld({ sharedWith: world });
    await expectGood(other, session);
    expect((await send(world, call)).status).toBe(200);
    const claims = world.store.claims.length;
    expectPlainRefusal(await send(other, call), 'ISO-5001');
    expect(world.store.claims).toHaveLength(claims);
    await expectGood(other, session);
    expect(other.ran).toEqual([`POST ${ECHO_PATH}`, `POST ${ECHO_PATH}`]);
    await other.close();
  });

  test('row 50: the request is sent to two origins that share one store', async () => {
    const mine = await startWorld({ sharedWith: world, origins: [AUDIENCE] });
    const other = await startWorld({ sharedWith: world, origins: ['https://other.example'] });
    await expectGood(mine, session);
    expectPlainRefusal(await send(other, call), 'ISO-2002');
    expect((await send(mine, call)).status).toBe(200);
    expectPlainRefusal(await send(other, call), 'ISO-2002');
    expect(other.ran).toEqual([]);
    await mine.close();
    await other.close();
  });
});

describe('rows 43 and 44: after the session', () => {
  test('row 43: replay after rotation', async () => {
    expect((await send(world, call)).status).toBe(200);
    const unsent = await session.seal();
    await rotate(session);
    const honest = await openSession(world);
    await expectRefused(world, honest, [call, unsent], 'ISO-2002');
  });

  test('row 43: replay after termination', async () => {
    expect((await send(world, call)).status).toBe(200);
    const unsent = await session.seal();
    await terminate(session);
    const honest = await openSession(world);
    await expectRefused(world, honest, [call, unsent], 'ISO-2002');
  });

  test('row 43: replay after the session rested too long, and after its absolute end', async () => {
    const short = await startWorld({ sessionIdleMs: 10_000, sessionTtlMs: 25_000 });
    const resting = await openSession(short);
    const [sent, unsent] = [await resting.seal(), await resting.seal()];
    expect((await send(short, sent)).status).toBe(200);
    short.clock.advance(10_000);
    const lasting = await openSession(short);
    await expectRefused(short, lasting, [sent, unsent], 'ISO-2002');

    const late = await lasting.seal({ timestamp: short.clock.now() + 20_000 });
    for (let i = 0; i < 5; i++) {
      await expectGood(short, lasting);
      short.clock.advance(5_000);
    }
    expectPlainRefusal(await send(short, late), 'ISO-2002');
    await expectGood(short, await openSession(short));
    await short.close();
  });

  test('row 43: the session ends while the body is on its way', async () => {
    const short = await startWorld({ sessionTtlMs: 20_000 });
    const ending = await openSession(short);
    const bytes = toHttpText(await ending.seal());
    const { socket, received } = openSocket(short);
    const headersRead = short.store.nextRead();
    socket.write(bytes.subarray(0, bytes.length - 10));
    await headersRead;
    short.clock.advance(20_001);
    socket.write(bytes.subarray(bytes.length - 10));
    expect(await received).toMatch(/^HTTP\/1.1 401 [\s\S]*"ISO-2002"/);
    expect(short.ran).toEqual([]);
    await expectGood(short, await openSession(short));
    await short.close();
  });

  test('row 44: a request from before the rotation is sent under the name of the new session', async () => {
    const next = await rotate(session);
    const honest = await openSession(world);
    await expectRefused(world, honest, withHeaders(call, { 'X-Nen-Session': next.sid }), 'ISO-3002');
  });
});

describe('rows 45 to 47: the nonces of others', () => {
  /** The victim's own request, sent after the attack, runs exactly once. */
  async function expectVictimRuns(): Promise<void> {
    const ranBefore = world.ran.length;
    expect((await open(call, await send(world, call))).kind).toBe('json');
    expect(world.ran.slice(ranBefore)).toEqual([`POST ${ECHO_PATH}`]);
  }

  test("row 45: the victim's nonce is sent ahead with a bad signature", async () => {
    await expectRefused(
      world,
      session,
      withHeaders(call, { 'X-Nen-Signature': 'A'.repeat(43).concat('=') }),
      'ISO-3002',
    );
    await expectVictimRuns();
  });

  test("row 45: the victim's nonce is sent ahead under the attacker's session", async () => {
    const mine = await openSession(world);
    const { nonce } = call.sealed;
    const stolen = withHeaders(await mine.seal(), { 'X-Nen-Nonce': nonce });
    await expectRefused(world, mine, stolen, 'ISO-3002');
    await expectVictimRuns();
  });

  test("row 46: the victim's headers are sent ahead with a bad body", async () => {
    const body = call.body ?? new Uint8Array(0);
    const bodies = [...body.keys()]
      .filter((at) => at > 7 && at < body.length - 3)
      .map((at) => {
        const other = body.slice();
        other[at] = body[at] === 0x41 ? 0x42 : 0x41;
        return { ...call, body: other };
      });
    await expectNothingRuns(world, session, async () => {
      for (const request of bodies) expect((await send(world, request)).text).toMatch(/"ISO-400[12]"/);
    });
    await expectVictimRuns();
  });

  test('row 47: more nonces than the table of claims holds', async () => {
    const small = await startWorld({ store: { maxClaims: 5 } });
    const greedy = await openSession(small);
    for (let i = 0; i < 5; i++) await expectGood(small, greedy);
    for (let i = 0; i < 10; i++) expectPlainRefusal(await send(small, await greedy.seal()), 'ISO-2003');
    expect(small.ran).toHaveLength(5);
    small.clock.advance(200_000);
    await expectGood(small, greedy);
    await small.close();
  });
});

describe('rows 48 and 49: other sessions and directions', () => {
  test("row 48: a request is sent under another session's name", async () => {
    const other = await openSession(world);
    await expectRefused(world, other, withHeaders(call, { 'X-Nen-Session': other.sid }), 'ISO-3002');
    const { body, headers } = await other.seal();
    await expectRefused(
      world,
      other,
      { ...call, headers: { ...call.headers, ...headers }, body: call.body },
      'ISO-4001',
    );
    await expectRefused(world, session, { ...call, body }, 'ISO-4001');
  });

  test("row 49: the server's answer is sent as a request's body", async () => {
    const answer = (await send(world, await session.seal())).text;
    const { n, ct } = JSON.parse(answer);
    const asRequest = (text: string): SealedCall => ({ ...call, body: latin1ToBytes(text) });
    await expectRefused(world, session, [answer, `{"ct":"${ct}","n":"${n}"}`].map(asRequest), 'ISO-4002');
    await expectRefused(
      world,
      session,
      [`{"ct":"${ct}"}`, `{"ct":"${ct}","n":"${call.sealed.nonce}"}`].map(asRequest),
      'ISO-4001',
    );
    // And as the answer to itself, at the nonce that it was sealed for.
    const first = await session.seal();
    const { ct: own } = JSON.parse((await send(world, first)).text);
    await expectRefused(world, session, { ...first, body: latin1ToBytes(`{"ct":"${own}"}`) }, 'ISO-4001');
    expect(bytesToLatin1(call.body ?? new Uint8Array(0))).not.toContain(ct);
  });
});
