/** The opened sessions of an instance: asked of the store as seldom as may be, and kept no longer than it may be. */
import { describe, expect, test, vi } from 'vitest';
import type { OpenedSession } from '../../src/adapter/opened-session.ts';
import { Sessions } from '../../src/adapter/sessions.ts';
import { base64UrlEncode } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { SESSION_MAX_REQUESTS } from '../../src/protocol/constants.ts';
import { InMemorySessionStore } from '../../src/session/index.ts';
import { encodeSessionRecord } from '../../src/session/record.ts';
import { isWiped } from '../faults/interleavings/watched-sessions.ts';
import { gate } from '../support/gate.ts';

const START_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

/** Sessions over a store that counts what it is asked. */
function stage() {
  const clock = { now: START_MS };
  const asked = { epoch: 0, read: 0, claim: 0, delete: 0 };
  class Counting extends InMemorySessionStore {
    override epoch(sid: string) {
      asked.epoch++;
      return super.epoch(sid);
    }
    override read(sid: string) {
      asked.read++;
      return super.read(sid);
    }
    override claim(...args: Parameters<InMemorySessionStore['claim']>) {
      asked.claim++;
      return super.claim(...args);
    }
    override delete(sid: string) {
      asked.delete++;
      return super.delete(sid);
    }
  }
  const store = new Counting({ now: () => clock.now });
  const newSessions = (): Sessions =>
    new Sessions({ store, primitives: primitives(), now: () => clock.now, idleMs: HOUR_MS });
  /** A session that the store has. */
  const session = async (): Promise<string> => {
    const sid = base64UrlEncode(randomBytes(16));
    const record = encodeSessionRecord({
      version: 1,
      sid,
      suite: 'ML-KEM-768',
      audience: 'https://nen.test',
      requestKey: randomBytes(32),
      responseSecret: randomBytes(32),
      exporterSecret: randomBytes(32),
      hmacKey: randomBytes(32),
      createdAt: START_MS,
      expiresAt: START_MS + HOUR_MS,
      epoch: await store.epoch(sid),
    });
    await store.create(sid, record, HOUR_MS);
    return sid;
  };
  /** What the store was asked meanwhile. */
  const during = async (run: () => Promise<unknown>) => {
    Object.assign(asked, { epoch: 0, read: 0, claim: 0, delete: 0 });
    await run();
    return { ...asked };
  };
  return { clock, store, newSessions, session, during };
}

const nonce = (): string => Buffer.from(randomBytes(12)).toString('base64');

/** One request: opens the session, claims, lets go. @returns whether the session was known. */
async function request(sessions: Sessions, sid: string, now: number): Promise<boolean> {
  const session = await sessions.open(sid);
  if (session === undefined) return false;
  try {
    await sessions.claim(session, nonce(), now);
  } finally {
    session.release();
  }
  return true;
}

/** The session, opened and let go of. */
async function openAndRelease(sessions: Sessions, sid: string): Promise<OpenedSession> {
  const session = await sessions.open(sid);
  if (session === undefined) throw new Error('the session is unknown');
  session.release();
  return session;
}

describe('an opened session', () => {
  test('costs the claim and nothing else, once it is warm', async () => {
    const { clock, newSessions, session, during } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    expect(await during(() => request(sessions, sid, clock.now))).toMatchObject({ read: 1, claim: 1 });
    for (let i = 0; i < 3; i++) {
      const asked = await during(() => request(sessions, sid, clock.now));
      expect(asked).toEqual({ epoch: 0, read: 0, claim: 1, delete: 0 });
    }
  });

  test('is looked up again after a minute', async () => {
    const { clock, newSessions, session, during } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    await request(sessions, sid, clock.now);
    clock.now += 60_000;
    expect(await during(() => request(sessions, sid, clock.now))).toMatchObject({ read: 0 });
    clock.now += 1;
    expect(await during(() => request(sessions, sid, clock.now))).toMatchObject({ read: 1 });
  });

  test.each(['terminate', 'rotate'] as const)(
    'that another instance has ended (%s): the next claim tells, its keys are wiped, and it is unknown',
    async (how) => {
      const { clock, store, newSessions, session } = stage();
      const [sessions, sid] = [newSessions(), await session()];
      await request(sessions, sid, clock.now);
      const held = await sessions.open(sid);
      if (how === 'terminate') await store.delete(sid);
      else await store.rotate(sid, base64UrlEncode(randomBytes(16)), new Uint8Array(1), HOUR_MS);
      await expect(request(sessions, sid, clock.now)).rejects.toMatchObject({ code: 'ISO-2002' });
      // What is in flight keeps its keys; nobody else gets them.
      expect(held?.retired).toBe(true);
      held?.release();
      expect(await sessions.open(sid)).toBeUndefined();
    },
  );

  test('at its last request is over: in the store too, and if that fails not opened either', async () => {
    const { clock, store, newSessions, session } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    const opened = await openAndRelease(sessions, sid);
    opened.requests = SESSION_MAX_REQUESTS;
    vi.spyOn(store, 'delete').mockRejectedValueOnce(new Error('gone'));
    await expect(sessions.open(sid)).rejects.toMatchObject({ code: 'ISO-2003' });
    expect(await sessions.open(sid)).toBeUndefined();
    expect(isWiped(opened)).toBe(true);
    expect(await store.read(sid)).toBeUndefined();
    expect(await request(newSessions(), sid, clock.now)).toBe(false);
  });

  test('that was dropped goes on counting its requests once it is opened again', async () => {
    const { clock, newSessions, session } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    for (const requests of [1, 2, 3]) {
      await request(sessions, sid, clock.now);
      expect((await openAndRelease(sessions, sid)).requests).toBe(requests);
      clock.now += 60_001;
      await sessions.open('A'.repeat(22));
    }
  });

  test('that another request finds gone has its keys until it is released', async () => {
    // How long after the record the other answer comes decides whether it meets a session that nobody holds yet.
    for (let ticks = 0; ticks < 30; ticks++) {
      const { store, newSessions, session } = stage();
      const [sessions, sid] = [newSessions(), await session()];
      const record = await store.read(sid);
      const [found, gone] = [gate(), gate()];
      vi.spyOn(store, 'read')
        .mockImplementationOnce(() => found.opened.then(() => record))
        .mockImplementationOnce(() => gone.opened.then(() => undefined));
      const opening = Promise.all([sessions.open(sid), sessions.open(sid)]);
      found.open();
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      gone.open();
      const [held] = await opening;
      expect(held && isWiped(held), `${ticks} ticks`).toBe(false);
      held?.release();
      expect(held && isWiped(held)).toBe(held?.retired);
    }
  });

  test('that can not be written down leaves no key behind', async () => {
    const { clock, newSessions } = stage();
    const secrets = {
      requestKey: randomBytes(32),
      responseSecret: randomBytes(32),
      exporterSecret: randomBytes(32),
      hmacKey: randomBytes(32),
    };
    const sid = base64UrlEncode(randomBytes(16));
    const terms = { now: clock.now, expiresAt: clock.now - 1, epoch: 'epoch' };
    const copies = vi.spyOn(Uint8Array.prototype, 'set');
    try {
      const created = newSessions().create({ sid, secrets, terms }, 'ML-KEM-768', 'https://nen.test');
      await expect(created).rejects.toThrow(RangeError);
      const [record] = (copies.mock.contexts as Uint8Array[]).filter(({ length }) => length > 4 * 32);
      for (const bytes of [...Object.values(secrets), record])
        expect(bytes?.every((byte) => byte === 0)).toBe(true);
    } finally {
      copies.mockRestore();
    }
  });

  test('whose epoch the store can not tell leaves no key behind', async () => {
    const { store, newSessions, session } = stage();
    const sid = await session();
    const record = await store.read(sid);
    vi.spyOn(store, 'epoch').mockRejectedValue(new Error('gone'));
    const copies = vi.spyOn(Uint8Array.prototype, 'set');
    try {
      await expect(newSessions().open(sid)).rejects.toMatchObject({ code: 'ISO-2003' });
      const copied = copies.mock.contexts as Uint8Array[];
      const kept = copied.filter((copy) => record?.join().includes(copy.join()));
      expect(kept).toEqual([]);
    } finally {
      copies.mockRestore();
    }
  });

  test('that nobody asks for again is wiped within a minute and one request of anybody', async () => {
    const { clock, newSessions, session } = stage();
    const sessions = newSessions();
    const left = [await openAndRelease(sessions, await session())];
    left.push(await openAndRelease(sessions, await session()));
    clock.now += 60_000;
    await sessions.open('A'.repeat(22));
    expect(left.map(isWiped)).toEqual([false, false]);
    clock.now += 1;
    await sessions.open('A'.repeat(22));
    expect(left.map(isWiped)).toEqual([true, true]);
  });

  test('goes after those that were looked up before it, two a request', async () => {
    const { clock, newSessions, session } = stage();
    const sessions = newSessions();
    const opened: OpenedSession[] = [];
    for (let i = 0; i < 5; i++) opened.push(await openAndRelease(sessions, await session()));
    clock.now += 60_001;
    for (const wiped of [2, 4, 5]) {
      await sessions.open('A'.repeat(22));
      expect(opened.map(isWiped)).toEqual(opened.map((_, i) => i < wiped));
    }
    expect(isWiped(await openAndRelease(sessions, opened[0]?.sid ?? ''))).toBe(false);
  });

  test('stays the same for whoever asks for it again, be it the oldest', async () => {
    const { clock, newSessions, session } = stage();
    const sessions = newSessions();
    const opened = await openAndRelease(sessions, await session());
    clock.now += 60_001;
    expect(await openAndRelease(sessions, opened.sid)).toBe(opened);
  });

  test('that is looked up again goes to the back of those that go', async () => {
    const { clock, newSessions, session } = stage();
    const sessions = newSessions();
    const opened: OpenedSession[] = [];
    for (let i = 0; i < 3; i++) opened.push(await openAndRelease(sessions, await session()));
    clock.now += 60_001;
    const renewed = opened[2];
    expect(await openAndRelease(sessions, renewed?.sid ?? '')).toBe(renewed);
    clock.now += 60_000;
    await openAndRelease(sessions, await session());
    expect(opened.map(isWiped)).toEqual([true, true, false]);
  });

  test('of a clock that was set back since is looked up again', async () => {
    const { clock, newSessions, session, during } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    await openAndRelease(sessions, sid);
    clock.now -= 1;
    expect(await during(() => openAndRelease(sessions, sid))).toMatchObject({ read: 1 });
    expect(await during(() => openAndRelease(sessions, sid))).toMatchObject({ read: 0 });
  });

  test('that goes while a request is in flight keeps its keys until then', async () => {
    const { clock, newSessions, session } = stage();
    const [sessions, sid] = [newSessions(), await session()];
    const held = await sessions.open(sid);
    clock.now += 60_001;
    await sessions.open('A'.repeat(22));
    expect([held?.retired, held && isWiped(held)]).toEqual([true, false]);
    const again = await openAndRelease(sessions, sid);
    if (held !== undefined) await sessions.terminate(held);
    held?.release();
    expect([held && isWiped(held), isWiped(again)]).toEqual([true, true]);
  });

  test('is one of 10 000 at most: the oldest has to be read again, the newest has not', {
    timeout: 60_000,
  }, async () => {
    const { newSessions, session, during } = stage();
    const sessions = newSessions();
    const open = async (sid: string): Promise<void> => (await sessions.open(sid))?.release();
    const sids: string[] = [];
    for (let i = 0; i < 10_001; i++) {
      const sid = await session();
      sids.push(sid);
      await open(sid);
    }
    expect(await during(() => open(sids.at(-1) ?? ''))).toMatchObject({ read: 0 });
    expect(await during(() => open(sids[1] ?? ''))).toMatchObject({ read: 0 });
    expect(await during(() => open(sids[0] ?? ''))).toMatchObject({ read: 1 });
  });
});
