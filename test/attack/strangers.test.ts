/**
 * Who has no session, or a later one: garbage at full rate, guessed session ids, a crowd of idle sessions, and
 * everything that the next session knows.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Bytes, base64Encode, bytesToLatin1 } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { openRequest, openResponse, sealRequest, sealResponse } from '../../src/protocol/exchange.ts';
import {
  answerHandshake,
  finishHandshake,
  type NewSession,
  newSid,
  startHandshake,
  UNPINNED,
} from '../../src/protocol/handshake.ts';
import { importKeys, type SessionContext, type SessionSecrets } from '../../src/protocol/keys.ts';
import { readSealedHeaders } from '../../src/protocol/signed-headers.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { usedBytes } from '../support/used-memory.ts';
import { expectGood, openSession, send, startWorld, type World, withHeaders } from './harness.ts';

async function start(): Promise<World> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  return world;
}

describe('row 119: garbage at full rate to a sealed route', () => {
  test('costs at most one look into the store, runs nothing, and good calls go on', async () => {
    const world = await start();
    const mine = await openSession(world);
    await expectGood(world, mine);
    const call = await mine.seal();
    const before = { reads: world.store.reads, ran: world.ran.length, claims: world.store.claims.length };
    const ROUNDS = 50;
    const garbage = [
      { 'X-Nen-Signature': '' },
      { 'X-Nen-Session': 'x' },
      { 'X-Nen-Session': newSid() },
      { 'X-Nen-Nonce': '!' },
      { 'X-Nen-Timestamp': 'soon' },
      { 'X-Nen-Signature': base64Encode(randomBytes(32)) },
    ];
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(garbage.map((headers) => send(world, withHeaders(call, headers))));
      for (const { status } of answers) expect([400, 401, 403]).toContain(status);
    }
    // Of six, only the one whose session id could exist is looked up: an opened session is at hand.
    expect(world.store.reads - before.reads).toBe(ROUNDS);
    expect([world.ran.length, world.store.claims.length]).toEqual([before.ran, before.claims]);
    await expectGood(world, mine);
  });
});

describe('row 120: session ids are guessed', () => {
  test('128 random bits, and whatever is near one that exists is as unknown as any', async () => {
    const world = await start();
    const mine = await openSession(world);
    const call = await mine.seal();
    expect(mine.sid).toMatch(/^[\w-]{22}$/);
    const near = Array.from(mine.sid, (character, at) => {
      const other = character === 'A' ? 'Q' : 'A';
      return mine.sid.slice(0, at) + other + mine.sid.slice(at + 1);
    });
    const answers = [];
    for (const sid of [...near, ...Array.from({ length: 20 }, () => newSid())]) {
      answers.push(await send(world, withHeaders(call, { 'X-Nen-Session': sid })));
    }
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.text).toContain('ISO-2002');
    expect(world.ran).toEqual([]);
    await expectGood(world, mine);
  });
});

describe('row 122: 10 000 idle sessions', () => {
  test('take at most 2 KB each, and none of it once they have ended', async () => {
    const SESSIONS = 10_000;
    const TTL_MS = 1000;
    let now = Date.now();
    const store = new InMemorySessionStore({ now: () => now });
    await store.create(newSid(), randomBytes(350), TTL_MS);
    const before = usedBytes();
    const sids = Array.from({ length: SESSIONS }, () => newSid());
    for (const sid of sids) await store.create(sid, randomBytes(350), TTL_MS);
    expect((usedBytes() - before) / SESSIONS).toBeLessThanOrEqual(2048);
    now += TTL_MS;
    // Each call drops a few of those that have ended: no sweep stops the loop.
    for (const sid of sids) await store.create(sid, randomBytes(1), 1);
    now += TTL_MS;
    for (const sid of sids) expect(await store.read(sid)).toBeUndefined();
    expect((usedBytes() - before) / SESSIONS).toBeLessThanOrEqual(512);
  });
});

describe('row 159: everything of session N + 1 is stolen, the store too', () => {
  test('a recording of session N stays closed, and nothing of N is in what was stolen', async () => {
    const p = primitives();
    const suite = mlKem768Suite(p);
    const terms = { now: Date.now(), expiresAt: Date.now() + 60_000, epoch: 'e' };
    const first = await startHandshake(suite, 'https://app.example');
    const answered = await answerHandshake(p, first.hello, { terms });
    const known = secretsOf(answered.session);
    const recording = await record(contextOf(await finishHandshake(p, first, answered.answer, UNPINNED)));

    const previous = { sid: answered.session.sid, exporterSecret: known.exporterSecret };
    const second = await startHandshake(suite, 'https://app.example', { previous });
    const rotated = await answerHandshake(p, second.hello, { terms, previous });
    const stolen = secretsOf(rotated.session);
    for (const secret of Object.values(known)) {
      for (const other of Object.values(stolen)) expect(bytesToLatin1(other)).not.toBe(bytesToLatin1(secret));
    }
    // Each stolen secret is tried in each place, under the sid of the recording and its own.
    for (const secret of Object.values(stolen)) {
      for (const sid of [previous.sid, rotated.session.sid]) {
        const keys = (): SessionSecrets => ({
          requestKey: secret.slice(),
          responseSecret: secret.slice(),
          exporterSecret: secret.slice(),
          hmacKey: secret.slice(),
        });
        const context: SessionContext = { sid, keys: importKeys(p, keys()) };
        await expect(recording.openRequest(context)).rejects.toMatchObject({ code: 'ISO-4001' });
        await expect(recording.openResponse(context)).rejects.toMatchObject({ code: 'ISO-4004' });
      }
    }
    await expect(recording.openRequest(recording.session)).resolves.toBeDefined();
    await expect(recording.openResponse(recording.session)).resolves.toBeDefined();
  });
});

function contextOf({ sid, secrets }: NewSession): SessionContext {
  return { sid, keys: importKeys(primitives(), secrets) };
}

/** Copies, since importing wipes. */
function secretsOf({ secrets }: NewSession): SessionSecrets {
  const copy = (secret: Bytes): Bytes => secret.slice();
  return {
    requestKey: copy(secrets.requestKey),
    responseSecret: copy(secrets.responseSecret),
    exporterSecret: copy(secrets.exporterSecret),
    hmacKey: copy(secrets.hmacKey),
  };
}

/** A request and its answer, as the way has them. */
async function record(session: SessionContext) {
  const line = { method: 'POST', path: '/api/x', query: '' };
  const options = { kind: 'json', encoding: 'json', timestamp: Date.now(), retry: '' } as const;
  const request = await sealRequest(session, line, [randomBytes(40)], options);
  const answer = await sealResponse(request.exchange, 200, 'json', [randomBytes(40)]);
  const headers = readSealedHeaders(new Headers(request.headers));
  return {
    session,
    openRequest: (by: SessionContext) =>
      openRequest(by, line, headers, 'json', request.body ?? new Uint8Array(0)),
    openResponse: (by: SessionContext) =>
      openResponse(
        { ...request.exchange, session: by },
        200,
        new Headers(answer.headers),
        answer.body ?? new Uint8Array(0),
      ),
  };
}
