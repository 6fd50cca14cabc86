/**
 * The size and the pauses of the store in memory. Sizes are measured and asserted, after a forced garbage
 * collection. Times are measured and printed only: what is asserted is the structure that bounds them.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { base64UrlEncode, latin1ToBytes } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { ClaimTable, GENERATION_MS } from '../../src/session/claim-table.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { encodeSessionRecord } from '../../src/session/record.ts';
import { SessionTable } from '../../src/session/session-table.ts';
import { secretHash } from '../../src/session/sharded-map.ts';
import { collectGarbage } from '../support/used-memory.ts';

/** Bytes in use, those outside of the JS heap included. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const START = 1_700_000_000_000;
const NONCES = 1_000_000;

/** Sixteen characters as a server gets them: a slice of a long header. */
function slicedNonce(i: number): string {
  return `${String(i).padStart(16, 'n')}${','.repeat(500)}`.slice(0, 16);
}

/** Twenty-two characters as a loop makes them: a chain of concatenations. */
function concatenatedAttempt(i: number): string {
  let chain = 'an attempt';
  for (const part of [' of ', String(i).padStart(7), '!']) chain += part;
  return chain;
}

describe('a million nonces in one session', () => {
  let table: ClaimTable | undefined;
  afterEach(() => {
    table = undefined;
  });

  test('take at most 200 bytes each, in Maps too small to stop the event loop', { timeout: 120_000 }, () => {
    const sid = base64UrlEncode(randomBytes(16));
    const before = usedBytes();
    table = new ClaimTable(5_000_000, secretHash());
    let longestMs = 0;
    let largestMap = 0;
    for (let i = 0; i < NONCES; i++) {
      const nonce = slicedNonce(i);
      const attempt = concatenatedAttempt(i);
      // A thousand a second, so that they fall into many generations, then all of the rest at once.
      const now = START + Math.min(i, 60_000);
      const started = performance.now();
      const claimed = table.claim(sid, nonce, attempt, 120_000, now);
      longestMs = Math.max(longestMs, performance.now() - started);
      if (!claimed) throw new Error('a fresh nonce was refused');
      if (i % 100_000 === 0) largestMap = Math.max(largestMap, table.largestMap);
    }
    largestMap = Math.max(largestMap, table.largestMap);
    const bytesEach = (usedBytes() - before) / NONCES;
    expect(table.size).toBe(NONCES);

    const started = performance.now();
    expect(table.claim(sid, 'later', 'attempt', 120_000, START + 60_000 + 120_000 + GENERATION_MS)).toBe(
      true,
    );
    const dropMs = performance.now() - started;
    expect(table.size).toBe(1);
    console.log(
      `claims: ${bytesEach.toFixed(1)} bytes each, largest Map ${largestMap}, longest call ${longestMs.toFixed(2)} ms` +
        ` (garbage collection included), forgetting all of them ${dropMs.toFixed(2)} ms`,
    );
    expect(bytesEach).toBeLessThanOrEqual(200);
    expect(largestMap).toBeLessThanOrEqual(4096);
  });
});

describe('sessions', () => {
  test('take at most 1 KB each, confirmed or not', { timeout: 60_000 }, async () => {
    const sessions = 20_000;
    const store = new InMemorySessionStore({ maxUnconfirmed: sessions, now: () => START });
    const idle = { claimMs: 0, idleMs: 900_000, requireSession: true };
    await store.epoch('sid');
    const before = usedBytes();
    for (let i = 0; i < sessions; i++) {
      const sid = base64UrlEncode(randomBytes(16));
      const secret = randomBytes(32);
      const record = encodeSessionRecord({
        version: 1,
        sid,
        suite: 'ML-KEM-768',
        audience: 'https://application.example.com:8443',
        requestKey: secret,
        responseSecret: secret,
        exporterSecret: secret,
        hmacKey: secret,
        clientIdentity: secret,
        serverIdentity: secret,
        createdAt: START,
        expiresAt: START + 3_600_000,
        epoch: await store.epoch('sid'),
      });
      await store.create(sid, record, 30_000);
      // Half of them, with their claim, which is short so as not to be counted for long.
      if (i % 2 === 0) await store.claim(sid, 'nonce', 'attempt', idle);
    }
    const bytesEach = (usedBytes() - before) / sessions;
    console.log(`sessions: ${bytesEach.toFixed(0)} bytes each`);
    expect(bytesEach).toBeLessThanOrEqual(1024);
    // Keeps the store alive until here.
    expect(await store.epoch('sid')).not.toBe('');
  });

  test('a hundred thousand claimed over and over: the longest call is printed', { timeout: 60_000 }, () => {
    const table = new SessionTable(100_000, 10_000, secretHash());
    const record = latin1ToBytes('r'.repeat(350));
    for (let i = 0; i < 100_000; i++) table.put(`${i}`, record, { endsAt: 1e6, confirmed: true, now: 0 });
    let longestMs = 0;
    for (let i = 0; i < 300_000; i++) {
      const session = table.find(`${(i * 7919) % 100_000}`, 0);
      if (session === undefined) throw new Error('a session is missing');
      const started = performance.now();
      table.use(session, 1e6, 0);
      longestMs = Math.max(longestMs, performance.now() - started);
    }
    console.log(`use of one of 100 000 sessions: longest call ${longestMs.toFixed(2)} ms`);
    expect(table.size).toBe(100_000);
  });
});
