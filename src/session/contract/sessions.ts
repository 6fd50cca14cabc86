/**
 * The contract's cases about sessions: what is kept, byte for byte, for how long, and what keeps it.
 */
import type { Bytes } from '../../crypto/bytes.ts';
import {
  type ContractCase,
  claim,
  count,
  equal,
  equalBytes,
  freshId,
  freshSid,
  LONG_MS,
  ODD_NAMES,
  record,
} from './case.ts';

/** 4 KB with every byte value. */
function everyByte(): Bytes {
  return Uint8Array.from({ length: 4096 }, (_, at) => (at * 7) & 0xff);
}

/** More than a rotation takes; bounded, since reads alone may keep a rotation in this process from going on. */
const READS_OF_A_WATCH = 20;

export const SESSION_CASES: readonly ContractCase[] = [
  [
    'a record comes back byte for byte',
    async ({ store }) => {
      const sid = freshSid();
      await store.create(sid, everyByte(), LONG_MS);
      equalBytes(await store.read(sid), everyByte(), 'the record');
      equalBytes(await store.read(sid), everyByte(), 'the record, read again');
    },
  ],
  [
    "the caller's buffers stay the caller's: changing them changes no record",
    async ({ store }) => {
      const [sid, next] = [freshSid(), freshSid()];
      const given = everyByte();
      const created = store.create(sid, given, LONG_MS);
      given.fill(0);
      await created;
      (await store.read(sid))?.fill(0);
      equalBytes(await store.read(sid), everyByte(), 'the record of create');
      const givenNext = everyByte();
      const rotated = store.rotate(sid, next, givenNext, LONG_MS);
      givenNext.fill(0);
      equal(await rotated, true, 'rotate');
      equalBytes(await store.read(next), everyByte(), 'the record of rotate');
    },
  ],
  [
    'an unknown session is not there for read, delete and rotate',
    async ({ store }) => {
      equal(await store.read(freshSid()), undefined, 'read');
      equal(await store.delete(freshSid()), false, 'delete');
      equal(await store.rotate(freshSid(), freshSid(), record(1), LONG_MS), false, 'rotate');
    },
  ],
  [
    'delete takes a session out once, and no other',
    async ({ store }) => {
      const [sid, other] = [freshSid(), freshSid()];
      await store.create(sid, record(1), LONG_MS);
      await store.create(other, record(2), LONG_MS);
      equal(await store.delete(sid), true, 'delete');
      equal(await store.delete(sid), false, 'delete again');
      equal(await store.read(sid), undefined, 'read');
      equal(await claim(store, sid, freshId()), 'gone', 'claim');
      equalBytes(await store.read(other), record(2), 'the other session');
    },
  ],
  [
    'a session id is a name like any other, whatever it spells',
    async ({ store }) => {
      for (const sid of ODD_NAMES) {
        await store.delete(sid);
        equal(await store.read(sid), undefined, `read of ${sid} before create`);
        equal(await claim(store, sid, freshId()), 'gone', `claim under ${sid} before create`);
        await store.create(sid, record(1, 2, 3), LONG_MS);
      }
      for (const sid of ODD_NAMES) {
        equalBytes(await store.read(sid), record(1, 2, 3), `read of ${sid}`);
        equal(await claim(store, sid, freshId()), 'claimed', `claim under ${sid}`);
        equal(await store.delete(sid), true, `delete of ${sid}`);
      }
    },
  ],
  [
    'a session nobody confirms lives for its time to live',
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), shortMs * 3);
      await wait(shortMs * 2);
      equalBytes(await store.read(sid), record(1), 'read');
    },
  ],
  [
    'a session nobody confirms ends with its time to live',
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), shortMs);
      await wait(shortMs * 2);
      equal(await store.read(sid), undefined, 'read');
      equal(await claim(store, sid, freshId()), 'gone', 'claim');
      equal(await store.rotate(sid, freshSid(), record(2), LONG_MS), false, 'rotate');
      equal(await store.delete(sid), false, 'delete');
    },
  ],
  [
    'the first claim confirms a session: it is kept for the idle time',
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), shortMs);
      equal(await claim(store, sid, freshId()), 'claimed', 'claim');
      await wait(shortMs * 2);
      equalBytes(await store.read(sid), record(1), 'read');
    },
  ],
  [
    'each claim begins the idle time anew, and without one the session ends',
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), LONG_MS);
      for (const time of ['first', 'second', 'third']) {
        equal(await claim(store, sid, freshId(), { idleMs: shortMs * 3 }), 'claimed', `the ${time} claim`);
        await wait(shortMs * 2);
      }
      await wait(shortMs * 2);
      equal(await store.read(sid), undefined, 'read');
    },
  ],
  [
    "a claim's idle time may end a session sooner: so the server keeps it to its absolute end",
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), LONG_MS);
      equal(await claim(store, sid, freshId()), 'claimed', 'a claim with a long idle time');
      equal(await claim(store, sid, freshId(), { idleMs: shortMs }), 'claimed', 'one with a short idle time');
      await wait(shortMs * 2);
      equal(await store.read(sid), undefined, 'read');
    },
  ],
  [
    "neither a read, nor a replay, nor a retry's claim for another session keeps a session",
    async ({ store, wait, shortMs }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      await store.create(sid, record(1), LONG_MS);
      equal(await claim(store, sid, nonce, { idleMs: shortMs }), 'claimed', 'claim');
      equal(await claim(store, sid, nonce), 'replayed', 'replay');
      equal(
        await claim(store, sid, freshId(), { requireSession: false }),
        'claimed',
        'claim without the session',
      );
      await store.read(sid);
      await wait(shortMs * 2);
      equal(await store.read(sid), undefined, 'read');
    },
  ],
  [
    'rotate puts the new session in, confirmed, and takes the old one out',
    async ({ store, wait, shortMs }) => {
      const [sid, next] = [freshSid(), freshSid()];
      await store.create(sid, record(1), LONG_MS);
      equal(await store.rotate(sid, next, record(2), LONG_MS), true, 'rotate');
      equal(await store.read(sid), undefined, 'read of the old');
      equal(await claim(store, sid, freshId()), 'gone', 'claim under the old');
      equalBytes(await store.read(next), record(2), 'read of the new');
      equal(await claim(store, next, freshId(), { idleMs: shortMs }), 'claimed', 'claim under the new');
      await wait(shortMs * 2);
      equal(await store.read(next), undefined, 'read of the new after its time');
    },
  ],
  [
    'a rotated session lives for its time to live, and no longer',
    async ({ store, wait, shortMs }) => {
      const [sid, next] = [freshSid(), freshSid()];
      await store.create(sid, record(1), LONG_MS);
      equal(await store.rotate(sid, next, record(2), shortMs * 3), true, 'rotate');
      await wait(shortMs * 2);
      equalBytes(await store.read(next), record(2), 'read within its time');
      await wait(shortMs * 2);
      equal(await store.read(next), undefined, 'read after its time');
    },
  ],
  [
    'whoever finds the old session gone finds the new one',
    async ({ store }) => {
      const [sid, next] = [freshSid(), freshSid()];
      await store.create(sid, record(1), LONG_MS);
      const watch = async (): Promise<void> => {
        let reads = 1;
        while ((await store.read(sid)) !== undefined) if (reads++ === READS_OF_A_WATCH) return;
        equalBytes(await store.read(next), record(2), 'read of the new');
      };
      const [rotated] = await Promise.all([store.rotate(sid, next, record(2), LONG_MS), watch()]);
      equal(rotated, true, 'rotate');
    },
  ],
  [
    'of 50 rotations of one session at once exactly one happens',
    async ({ store }) => {
      const sid = freshSid();
      await store.create(sid, record(1), LONG_MS);
      const next = Array.from({ length: 50 }, freshSid);
      const results = await Promise.all(
        next.map((newSid, i) => store.rotate(sid, newSid, record(i), LONG_MS)),
      );
      equal(count(results, true), 1, 'rotations that happened');
      for (const [i, newSid] of next.entries()) {
        if (results[i] === true) equalBytes(await store.read(newSid), record(i), 'the new session');
        else equal(await store.read(newSid), undefined, 'a session of a rotation that did not happen');
      }
      equal(await store.read(sid), undefined, 'the old session');
    },
  ],
  [
    'a rotation of an unknown session creates nothing',
    async ({ store }) => {
      const next = freshSid();
      equal(await store.rotate(freshSid(), next, record(1), LONG_MS), false, 'rotate');
      equal(await store.read(next), undefined, 'read');
      equal(await claim(store, next, freshId()), 'gone', 'claim');
    },
  ],
];
