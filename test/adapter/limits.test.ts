/** The limits of a body, over real HTTP: too long, declared too long, shorter than declared, broken off. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, latin1ToBytes } from '../../src/crypto/bytes.ts';
import {
  type AttackSession,
  expectNothingRuns,
  expectPlainRefusal,
  handshakeRequest,
  open,
  openSession,
  openSocket,
  type SealedCall,
  send,
  sendRaw,
  startWorld,
  toHttpText,
  type World,
  withHeaders,
} from '../attack/harness.ts';

const LIMIT = 10_000;

let world: World;
let session: AttackSession;

beforeAll(async () => {
  world = await startWorld({ maxBodyBytes: LIMIT });
  session = await openSession(world);
});
afterAll(() => world.close());

/** A call whose envelope has exactly this length. */
async function callOf(length: number): Promise<SealedCall> {
  const overhead = '{"ct":""}'.length;
  const box = ((length - overhead) / 4) * 3;
  const call = await session.seal({ payload: `"${'x'.repeat(Math.floor(box) - 16 - 2)}"` });
  expect(call.body).toHaveLength(length);
  return call;
}

const tooLarge = /^HTTP\/1.1 413 [\s\S]*"ISO-4003"/;

describe('the limit of a body', () => {
  test('exactly the limit is served, more is not', async () => {
    const most = await callOf(9_997);
    expect((await open(most, await send(world, most))).kind).toBe('json');
    await expectNothingRuns(world, session, async () => {
      expectPlainRefusal(await send(world, await callOf(10_001)), 'ISO-4003');
    });
  });

  test('Content-Length alone is enough to refuse: the session is not even looked up', async () => {
    await expectNothingRuns(world, session, async () => {
      const unknown = withHeaders(await session.seal(), {
        'X-Nen-Session': 'A'.repeat(22),
        'Content-Length': '1000000000',
      });
      const reads = world.store.reads;
      const { socket, received } = openSocket(world);
      socket.write(toHttpText(unknown));
      socket.end();
      expect(await received).toMatch(tooLarge);
      expect(world.store.reads).toBe(reads);
    });
  });

  test('chunks without a length: cut at the limit, long before their end', async () => {
    await expectNothingRuns(world, session, async () => {
      const call = withHeaders(await session.seal(), { 'Transfer-Encoding': 'chunked' });
      const { socket, received } = openSocket(world);
      socket.write(toHttpText({ ...call, body: undefined }));
      const chunk = concatBytes([
        latin1ToBytes('1000\r\n'),
        new Uint8Array(4096).fill(0x41),
        latin1ToBytes('\r\n'),
      ]);
      // It never ends: the answer comes all the same.
      for (let i = 0; i < 4; i++) socket.write(chunk);
      socket.end();
      expect(await received).toMatch(tooLarge);
    });
  });

  test('a body that ends before its length, or breaks off, runs nothing and is told as cut', async () => {
    await expectNothingRuns(world, session, async () => {
      const bytes = toHttpText(await session.seal());
      const refused = world.nextEvent(({ type }) => type === 'refused');
      const { socket, received } = openSocket(world);
      socket.write(bytes.subarray(0, bytes.length - 5));
      socket.end();
      await received;
      expect(await refused).toMatchObject({ code: 'ISO-4007' });
    });
  });

  test('a framework that hands on less than was declared: ISO-4007', async () => {
    const call = await session.seal();
    const ran = world.ran.length;
    const handler = world.nen.wrap(() => {
      throw new Error('not reached');
    });
    const response = await handler(
      new Request(`http://127.0.0.1${call.target}`, {
        method: 'POST',
        headers: {
          ...(call.headers as Record<string, string>),
          'Content-Length': String((call.body?.length ?? 0) + 1),
        },
        body: call.body ?? null,
      }),
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: { code: 'ISO-4007', message: 'The body was truncated on the way.' },
    });
    expect(world.ran).toHaveLength(ran);
    expect((await open(call, await send(world, call))).kind).toBe('json');
  });

  test('a handshake is limited too, with and without a length', async () => {
    const body = new Uint8Array(16_385).fill(0x20);
    expectPlainRefusal(await send(world, handshakeRequest(body)), 'ISO-4003');
    const chunked = withHeaders(handshakeRequest(body), { 'Transfer-Encoding': 'chunked' });
    const text = concatBytes([
      toHttpText({ ...chunked, body: undefined }),
      latin1ToBytes('4001\r\n'),
      body,
      latin1ToBytes('\r\n0\r\n\r\n'),
    ]);
    expect(await sendRaw(world, text)).toMatch(tooLarge);
  });

  test('a session route has the same limit', async () => {
    await expectNothingRuns(world, session, async () => {
      const rotate = await session.seal({ target: '/api/nen/rotate', payload: `"${'x'.repeat(LIMIT)}"` });
      expectPlainRefusal(await send(world, rotate), 'ISO-4003');
    });
  });
});
