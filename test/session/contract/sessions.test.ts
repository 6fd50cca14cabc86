/** Each case of the contract about sessions, against stores that are broken in the one place that it looks at. */
import type { Bytes } from '../../../src/crypto/bytes.ts';
import type { ClaimOptions } from '../../../src/session/index.ts';
import { type Breakage, claiming, finds, pause } from './broken.ts';
import type { PlainStore } from './plain-store.ts';

const claimsNothing = claiming(() => async () => 'gone');
const readsNothing: Breakage = () => ({ read: async () => undefined });
const refusesToRotate: Breakage = () => ({ rotate: async () => false });
const rotatesNothing: Breakage = () => ({ rotate: async () => true });

const reading =
  (change: (record: Bytes, good: PlainStore, sid: string) => Bytes | undefined): Breakage =>
  (good) => ({
    read: async (sid) => {
      const record = await good.read(sid);
      return record && change(record, good, sid);
    },
  });

/** Claims with an idle time of the store's own. */
const idling = (idleMsOf: (options: ClaimOptions, leftMs: number) => number): Breakage =>
  claiming((claim, good) => (sid, nonce, attempt, options) => {
    const leftMs = (good.sessions.get(sid)?.endsAt ?? good.now) - good.now;
    return claim(sid, nonce, attempt, { ...options, idleMs: idleMsOf(options, leftMs) });
  });

const FOR_EVER_MS = 1e12;

finds('a record comes back byte for byte', [
  ['has lost it', readsNothing, 'the record: expected 4096 bytes, got nothing'],
  ['cuts it', reading((record) => record.slice(0, -1)), 'the record, length: expected 4096, got 4095'],
  [
    'keeps seven bits of each byte',
    reading((record) => record.map((byte) => byte & 0x7f)),
    'the record, byte 19: expected 133, got 5',
  ],
  [
    'reads it once',
    reading((record, good, sid) => (good.sessions.delete(sid) ? record : undefined)),
    'the record, read again: expected 4096 bytes, got nothing',
  ],
]);

finds("the caller's buffers stay the caller's: changing them changes no record", [
  [
    'keeps the buffer of create',
    (good) => ({
      create: async (sid, record, ttlMs) => void good.sessions.set(sid, { record, endsAt: good.now + ttlMs }),
    }),
    'the record of create, byte 1: expected 7, got 0',
  ],
  [
    'copies the buffer of create too late',
    (good) => ({
      async create(sid, record, ttlMs) {
        await pause();
        return good.create(sid, record, ttlMs);
      },
    }),
    'the record of create, byte 1: expected 7, got 0',
  ],
  [
    'hands out its own buffer',
    reading((_, good, sid) => good.sessions.get(sid)?.record),
    'the record of create, byte 1: expected 7, got 0',
  ],
  ['has lost the record', readsNothing, 'the record of create: expected 4096 bytes, got nothing'],
  ['refuses to rotate', refusesToRotate, 'rotate: expected true, got false'],
  [
    'copies the buffer of rotate too late',
    (good) => ({
      async rotate(oldSid, newSid, record, ttlMs) {
        await pause();
        return good.rotate(oldSid, newSid, record, ttlMs);
      },
    }),
    'the record of rotate, byte 1: expected 7, got 0',
  ],
]);

finds('an unknown session is not there for read, delete and rotate', [
  [
    'reads an empty record',
    (good) => ({ read: async (sid) => (await good.read(sid)) ?? new Uint8Array(0) }),
    'read: expected undefined, got ',
  ],
  ['says that it deleted it', () => ({ delete: async () => true }), 'delete: expected false, got true'],
  ['says that it rotated it', rotatesNothing, 'rotate: expected false, got true'],
]);

finds('delete takes a session out once, and no other', [
  ['deletes nothing', () => ({ delete: async () => false }), 'delete: expected true, got false'],
  [
    'says so each time',
    (good) => ({ delete: async (sid) => good.delete(sid).then(() => true) }),
    'delete again: expected false, got true',
  ],
  [
    'only says so',
    (good) => {
      const deleted = new Set<string>();
      return { delete: async (sid) => good.lives(sid) && deleted.size < deleted.add(sid).size };
    },
    'read: expected undefined, got 1',
  ],
  [
    'still claims under it',
    claiming(
      (claim) => (sid, nonce, attempt, options) =>
        claim(sid, nonce, attempt, { ...options, requireSession: false }),
    ),
    'claim: expected gone, got claimed',
  ],
  [
    'deletes all',
    (good) => ({
      async delete(sid) {
        const isThere = await good.delete(sid);
        good.sessions.clear();
        return isThere;
      },
    }),
    'the other session: expected 1 bytes, got nothing',
  ],
]);

finds('a session id is a name like any other, whatever it spells', [
  [
    'keeps sessions in an object',
    (good) => {
      const sessions: Record<string, Bytes> = {};
      return {
        async create(sid, record, ttlMs) {
          sessions[sid] = record;
          return good.create(sid, record, ttlMs);
        },
        read: async (sid) => sessions[sid],
      };
    },
    'read of __proto__ before create: expected undefined, got [object Object]',
  ],
  [
    'never asks for the session',
    claiming(
      (claim) => (sid, nonce, attempt, options) =>
        claim(sid, nonce, attempt, { ...options, requireSession: false }),
    ),
    'claim under __proto__ before create: expected gone, got claimed',
  ],
  [
    'takes names for patterns',
    (good) => ({
      async delete(sid) {
        if (sid === '*') good.sessions.clear();
        return good.delete(sid);
      },
    }),
    'read of __proto__: expected 3 bytes, got nothing',
  ],
  [
    'decodes names',
    (good) => ({ claim: (sid, ...args) => good.claim(decodeURIComponent(sid), ...args) }),
    'claim under %00: expected claimed, got gone',
  ],
  [
    'does not find a name that is a number',
    (good) => ({ delete: async (sid) => !Number.isInteger(Number(sid)) && good.delete(sid) }),
    'delete of 0: expected true, got false',
  ],
]);

const creatingFor =
  (ttlMsOf: (ttlMs: number) => number): Breakage =>
  (good) => ({
    create: (sid, record, ttlMs) => good.create(sid, record, ttlMsOf(ttlMs)),
  });

finds('a session nobody confirms lives for its time to live', [
  ['ends it at half of its time', creatingFor((ttlMs) => ttlMs / 2), 'read: expected 1 bytes, got nothing'],
  [
    'takes milliseconds for seconds',
    creatingFor((ttlMs) => Math.floor(ttlMs / 1000) * 1000),
    'read: expected 1 bytes, got nothing',
  ],
]);

/** A store in which a session that has ended is still there, for one method. */
const endingFor =
  (method: 'claim' | 'rotate' | 'delete'): Breakage =>
  (good) => ({
    [method]: (...args: never[]) => {
      const { now } = good;
      good.now = 0;
      const result = Reflect.apply(good[method], good, args);
      good.now = now;
      return result;
    },
  });

finds('a session nobody confirms ends with its time to live', [
  ['never ends it', creatingFor(() => FOR_EVER_MS), 'read: expected undefined, got 1'],
  ['claims under it still', endingFor('claim'), 'claim: expected gone, got claimed'],
  ['rotates it still', endingFor('rotate'), 'rotate: expected false, got true'],
  ['deletes it still', endingFor('delete'), 'delete: expected false, got true'],
]);

finds('the first claim confirms a session: it is kept for the idle time', [
  ['claims nothing', claimsNothing, 'claim: expected claimed, got gone'],
  ['keeps it to the end that it had', idling((_, leftMs) => leftMs), 'read: expected 1 bytes, got nothing'],
  [
    'takes an epoch that is undefined for another one',
    claiming(
      (claim) => async (sid, nonce, attempt, options) =>
        'epoch' in options && options.epoch === undefined ? 'gone' : claim(sid, nonce, attempt, options),
    ),
    'claim: expected claimed, got gone',
  ],
]);

/** From this claim on, what is left of its time stays. */
const renewingUntil = (last: number): Breakage => {
  return (good) => {
    let claims = 0;
    return idling(({ idleMs }, leftMs) => (claims++ < last ? idleMs : leftMs))(good);
  };
};

finds('each claim begins the idle time anew, and without one the session ends', [
  ['claims nothing', claimsNothing, 'the first claim: expected claimed, got gone'],
  ['begins it once', renewingUntil(1), 'the third claim: expected claimed, got gone'],
  [
    'begins it for half of its time',
    idling(({ idleMs }) => idleMs / 2),
    'the second claim: expected claimed, got gone',
  ],
  ['never ends it', idling(() => FOR_EVER_MS), 'read: expected undefined, got 1'],
]);

finds("a claim's idle time may end a session sooner: so the server keeps it to its absolute end", [
  [
    'never ends it sooner than it would have ended',
    idling(({ idleMs }, leftMs) => Math.max(idleMs, leftMs)),
    'read: expected undefined, got 1',
  ],
  ['claims nothing', claimsNothing, 'a claim with a long idle time: expected claimed, got gone'],
  [
    'allows one claim',
    (good) => ({
      claim: async (...args) => (good.claims.size > 0 ? 'replayed' : good.claim(...args)),
    }),
    'one with a short idle time: expected claimed, got replayed',
  ],
]);

const keep = (good: PlainStore, sid: string): void => {
  const session = good.sessions.get(sid);
  if (session) good.sessions.set(sid, { ...session, endsAt: good.now + FOR_EVER_MS });
};

/** A claim of this kind keeps the session, whatever it comes to. */
const keepingBy = (isKept: (result: string, options: ClaimOptions) => boolean): Breakage =>
  claiming((claim, good) => async (sid, nonce, attempt, options) => {
    const result = await claim(sid, nonce, attempt, options);
    if (isKept(result, options)) keep(good, sid);
    return result;
  });

finds("neither a read, nor a replay, nor a retry's claim for another session keeps a session", [
  ['claims nothing', claimsNothing, 'claim: expected claimed, got gone'],
  [
    'forgets claims',
    (good) => ({ claim: (...args) => good.claim(...args).finally(() => good.claims.clear()) }),
    'replay: expected replayed, got claimed',
  ],
  [
    'claims nothing that needs no session',
    claiming(
      (claim) => async (sid, nonce, attempt, options) =>
        options.requireSession ? claim(sid, nonce, attempt, options) : 'gone',
    ),
    'claim without the session: expected claimed, got gone',
  ],
  [
    'keeps it at a read',
    reading((record, good, sid) => {
      keep(good, sid);
      return record;
    }),
    'read: expected undefined, got 1',
  ],
  ['keeps it at a replay', keepingBy((result) => result === 'replayed'), 'read: expected undefined, got 1'],
  [
    'keeps it at a claim that does not require it',
    keepingBy((_, { requireSession }) => !requireSession),
    'read: expected undefined, got 1',
  ],
]);

/** Rotates, and keeps the old session too. */
const keepsTheOldSession: Breakage = (good) => ({
  async rotate(oldSid, newSid, record, ttlMs) {
    if (!good.lives(oldSid)) return false;
    await good.create(newSid, record, ttlMs);
    return true;
  },
});

const rotatingFor =
  (ttlMsOf: (ttlMs: number) => number): Breakage =>
  (good) => ({
    rotate: (oldSid, newSid, record, ttlMs) => good.rotate(oldSid, newSid, record, ttlMsOf(ttlMs)),
  });

/** Takes the old session out, and later puts the new one in. */
const rotatesInTwoSteps: Breakage = (good) => ({
  async rotate(oldSid, newSid, record, ttlMs) {
    if (!(await good.delete(oldSid))) return false;
    await pause();
    await good.create(newSid, record, ttlMs);
    return true;
  },
});

/** Looks for the old session, and acts later. */
const looksBeforeItRotates: Breakage = (good) => ({
  async rotate(oldSid, newSid, record, ttlMs) {
    if (!good.lives(oldSid)) return false;
    await pause();
    await good.create(newSid, record, ttlMs);
    await good.delete(oldSid);
    return true;
  },
});

finds('rotate puts the new session in, confirmed, and takes the old one out', [
  ['refuses to rotate', refusesToRotate, 'rotate: expected true, got false'],
  ['keeps the old session', keepsTheOldSession, 'read of the old: expected undefined, got 1'],
  [
    'claims under the old session',
    claiming(
      (claim) => (sid, nonce, attempt, options) =>
        claim(sid, nonce, attempt, { ...options, requireSession: false }),
    ),
    'claim under the old: expected gone, got claimed',
  ],
  [
    'only takes the old session out',
    (good) => ({ rotate: (sid) => good.delete(sid) }),
    'read of the new: expected 1 bytes, got nothing',
  ],
  [
    'keeps the old record',
    (good) => ({
      async rotate(oldSid, newSid, _record, ttlMs) {
        const old = await good.read(oldSid);
        return old !== undefined && good.rotate(oldSid, newSid, old, ttlMs);
      },
    }),
    'read of the new, byte 0: expected 2, got 1',
  ],
  [
    'can not claim under the new session',
    (good) => {
      const made = new Set<string>();
      return {
        create: (sid, ...args) => good.create(sid, ...args).then(() => void made.add(sid)),
        claim: async (sid, ...args) => (made.has(sid) ? good.claim(sid, ...args) : 'gone'),
      };
    },
    'claim under the new: expected claimed, got gone',
  ],
  [
    'never ends the new session once there was a claim',
    idling(() => FOR_EVER_MS),
    'read of the new after its time: expected undefined, got 2',
  ],
]);

finds('a rotated session lives for its time to live, and no longer', [
  ['refuses to rotate', refusesToRotate, 'rotate: expected true, got false'],
  [
    'ends it at half of its time',
    rotatingFor((ttlMs) => ttlMs / 2),
    'read within its time: expected 1 bytes, got nothing',
  ],
  ['never ends it', rotatingFor(() => FOR_EVER_MS), 'read after its time: expected undefined, got 2'],
]);

finds('whoever finds the old session gone finds the new one', [
  ['rotates in two steps', rotatesInTwoSteps, 'read of the new: expected 1 bytes, got nothing'],
  [
    'rotates in two steps, a while after it was asked to',
    (good) => ({
      async rotate(...args) {
        for (let step = 0; step < 5; step++) await Promise.resolve();
        return rotatesInTwoSteps(good).rotate?.(...args) ?? false;
      },
    }),
    'read of the new: expected 1 bytes, got nothing',
  ],
  ['refuses to rotate', refusesToRotate, 'rotate: expected true, got false'],
]);

finds('of 50 rotations of one session at once exactly one happens', [
  ['looks first and rotates later', looksBeforeItRotates, 'rotations that happened: expected 1, got 50'],
  ['refuses to rotate', refusesToRotate, 'rotations that happened: expected 1, got 0'],
  [
    'leaves what it had begun',
    (good) => ({
      async rotate(oldSid, newSid, record, ttlMs) {
        const rotated = await good.rotate(oldSid, newSid, record, ttlMs);
        if (!rotated) await good.create(newSid, record, ttlMs);
        return rotated;
      },
    }),
    'a session of a rotation that did not happen: expected undefined, got 1',
  ],
  [
    'keeps the record of another rotation',
    (good) => ({
      rotate: (oldSid, newSid, record, ttlMs) =>
        good.rotate(
          oldSid,
          newSid,
          record.map((byte) => byte + 1),
          ttlMs,
        ),
    }),
    'the new session, byte 0: expected 0, got 1',
  ],
  [
    'keeps the old session',
    (good) => {
      let rotations = 0;
      return {
        rotate: async (_, newSid, record, ttlMs) =>
          rotations++ === 0 && good.create(newSid, record, ttlMs).then(() => true),
      };
    },
    'the old session: expected undefined, got 1',
  ],
]);

finds('a rotation of an unknown session creates nothing', [
  ['says that it rotated it', rotatesNothing, 'rotate: expected false, got true'],
  [
    'creates the new session',
    (good) => ({
      rotate: (_, newSid, record, ttlMs) => good.create(newSid, record, ttlMs).then(() => false),
    }),
    'read: expected undefined, got 1',
  ],
  [
    'lets calls claim under the new session',
    (good) => {
      const names = new Set<string>();
      return {
        rotate: async (_, newSid) => names.size > names.add(newSid).size,
        claim: async (sid, ...args) => (names.has(sid) ? 'claimed' : good.claim(sid, ...args)),
      };
    },
    'claim: expected gone, got claimed',
  ],
]);
