/** What the cache of opened sessions remembers of those that it has dropped, and how many at most. */
import { expect, test } from 'vitest';
import { OpenedSession } from '../../src/adapter/opened-session.ts';
import { SessionCache } from '../../src/adapter/session-cache.ts';
import { primitives } from '../../src/crypto/select.ts';

const STALE_MS = 60_001;
const MAX_SESSIONS = 10_000;

function newSession(sid: string, now: number): OpenedSession {
  const secret = (): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(1);
  const secrets = {
    requestKey: secret(),
    responseSecret: secret(),
    exporterSecret: secret(),
    hmacKey: secret(),
  };
  const facts = { suite: 'ML-KEM-768', audience: 'https://nen.test', epoch: 'epoch' } as const;
  const record = { version: 1, sid, ...facts, ...secrets, createdAt: now, expiresAt: now + 1 } as const;
  return new OpenedSession(primitives(), record, now);
}

test('counts are remembered of the 10 000 sessions with requests that were dropped last', () => {
  const cache = new SessionCache();
  let now = 0;
  /** Opens a session, which has so many requests, and lets it be dropped. */
  const pass = (sid: string, requests: number): OpenedSession => {
    const session = newSession(sid, now);
    cache.add(session);
    const before = session.requests;
    session.requests += requests;
    now += STALE_MS;
    cache.dropStale('', now);
    return Object.assign(session, { requests: before });
  };
  pass('first', 5);
  pass('second', 6);
  for (let i = 2; i < MAX_SESSIONS; i++) pass(`${i}`, 1);
  pass('without requests', 0);
  expect(pass('first', 0).requests).toBe(5);
  // Its count of five went in again as the youngest, so that one more pushes out the second's.
  pass('one more', 1);
  expect(pass('second', 0).requests).toBe(0);
  expect(pass('first', 0).requests).toBe(5);
});

test('a session that is over leaves no count', () => {
  const cache = new SessionCache();
  const session = newSession('over', 0);
  cache.add(session);
  session.requests = 5;
  cache.end(session);
  const again = newSession('over', 0);
  cache.add(again);
  expect(again.requests).toBe(0);
});
