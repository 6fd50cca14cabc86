/**
 * The contract's cases about replay claims: a nonce is one attempt's, for as long as its request
 * could be accepted, whatever becomes of the session; and about the epoch, which names that memory.
 */
import { isEpoch } from '../../protocol/formats.ts';
import type { SessionStore } from '../types.ts';
import {
  type ContractCase,
  claim,
  count,
  equal,
  freshId,
  freshSid,
  LONG_MS,
  ODD_NAMES,
  record,
  rejectsWithTypeError,
} from './case.ts';

/** A new session with one claimed nonce. */
async function claimedNonce(
  store: SessionStore,
  ttlMs: number = LONG_MS,
): Promise<{ sid: string; nonce: string }> {
  const [sid, nonce] = [freshSid(), freshId()];
  await store.create(sid, record(1), ttlMs);
  equal(await claim(store, sid, nonce, { idleMs: ttlMs }), 'claimed', 'the first claim');
  return { sid, nonce };
}

/** The attacker's moves after the session has gone: as a retry's first attempt, and under a new session of that id. */
async function staysClaimed(store: SessionStore, sid: string, nonce: string): Promise<void> {
  equal(await claim(store, sid, nonce), 'gone', 'claim that requires the session');
  equal(await claim(store, sid, nonce, { requireSession: false }), 'replayed', 'claim without the session');
  await store.create(sid, record(2), LONG_MS);
  equal(await claim(store, sid, nonce), 'replayed', 'claim under a new session of that id');
}

export const CLAIM_CASES: readonly ContractCase[] = [
  [
    'a nonce is claimed once: another attempt is a replay',
    async ({ store }) => {
      const { sid, nonce } = await claimedNonce(store);
      equal(await claim(store, sid, nonce), 'replayed', 'second attempt');
      equal(await claim(store, sid, nonce, { requireSession: false }), 'replayed', 'without the session');
      equal(await claim(store, sid, freshId()), 'claimed', 'another nonce');
    },
  ],
  [
    'the same attempt may claim again: a resent command is no replay',
    async ({ store }) => {
      const [sid, nonce, attempt] = [freshSid(), freshId(), freshId()];
      await store.create(sid, record(1), LONG_MS);
      for (const time of ['first', 'second', 'third'])
        equal(await claim(store, sid, nonce, { attempt }), 'claimed', `the ${time} time`);
      equal(await claim(store, sid, nonce, { attempt: `${attempt}0` }), 'replayed', 'a longer attempt');
      equal(await claim(store, sid, nonce, { attempt: attempt.slice(1) }), 'replayed', 'a shorter attempt');
      equal(await claim(store, sid, nonce, { attempt }), 'claimed', 'after the replays');
    },
  ],
  [
    'of 100 attempts at one nonce at once exactly one claims it',
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      await store.create(sid, record(1), LONG_MS);
      const results = await Promise.all(Array.from({ length: 100 }, () => claim(store, sid, nonce)));
      equal(count(results, 'claimed'), 1, 'claimed');
      equal(count(results, 'replayed'), 99, 'replayed');
    },
  ],
  [
    'a call and its retry at once: one of the two claims, with the session or without it',
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      await store.create(sid, record(1), LONG_MS);
      const both = [true, false].map((requireSession) => claim(store, sid, nonce, { requireSession }));
      equal(count(await Promise.all(both), 'claimed'), 1, 'claimed');
    },
  ],
  [
    'a claim outlives the deletion of its session',
    async ({ store }) => {
      const { sid, nonce } = await claimedNonce(store);
      equal(await store.delete(sid), true, 'delete');
      await staysClaimed(store, sid, nonce);
    },
  ],
  [
    'a claim outlives the rotation of its session',
    async ({ store }) => {
      const { sid, nonce } = await claimedNonce(store);
      equal(await store.rotate(sid, freshSid(), record(2), LONG_MS), true, 'rotate');
      await staysClaimed(store, sid, nonce);
    },
  ],
  [
    'a claim outlives the expiry of its session',
    async ({ store, wait, shortMs }) => {
      const { sid, nonce } = await claimedNonce(store, shortMs);
      await wait(shortMs * 2);
      await staysClaimed(store, sid, nonce);
    },
  ],
  [
    'a claim holds for its time, and a repeated one begins it anew',
    async ({ store, wait, shortMs }) => {
      const { sid } = await claimedNonce(store);
      const [nonce, attempt] = [freshId(), freshId()];
      await claim(store, sid, nonce, { attempt, claimMs: shortMs * 3 });
      await wait(shortMs * 2);
      equal(await claim(store, sid, nonce), 'replayed', 'within its time');
      equal(await claim(store, sid, nonce, { attempt, claimMs: shortMs * 3 }), 'claimed', 'repeated');
      await wait(shortMs * 2);
      equal(await claim(store, sid, nonce), 'replayed', 'within the time of the repeated one');
    },
  ],
  [
    'a repeated claim never ends the first one sooner',
    async ({ store, wait, shortMs }) => {
      const { sid } = await claimedNonce(store);
      const [nonce, attempt] = [freshId(), freshId()];
      await claim(store, sid, nonce, { attempt });
      equal(await claim(store, sid, nonce, { attempt, claimMs: shortMs }), 'claimed', 'repeated');
      await wait(shortMs * 2);
      equal(await claim(store, sid, nonce), 'replayed', 'after the time of the repeated one');
    },
  ],
  [
    "'gone' claims nothing: the retry of that call may still run",
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      equal(await claim(store, sid, nonce), 'gone', 'without a session');
      equal(await claim(store, sid, nonce, { requireSession: false }), 'claimed', 'afterwards');
    },
  ],
  [
    'a claim that needs no session works without one, and makes none',
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      equal(await claim(store, sid, nonce, { requireSession: false }), 'claimed', 'first');
      equal(await claim(store, sid, nonce, { requireSession: false }), 'replayed', 'second');
      equal(await store.read(sid), undefined, 'read');
    },
  ],
  [
    'a claim that needs no session leaves a session unconfirmed',
    async ({ store, wait, shortMs }) => {
      const sid = freshSid();
      await store.create(sid, record(1), shortMs);
      equal(await claim(store, sid, freshId(), { requireSession: false }), 'claimed', 'claim');
      await wait(shortMs * 2);
      equal(await store.read(sid), undefined, 'read');
    },
  ],
  [
    'one nonce under two sessions is two nonces, however the names are joined',
    async ({ store }) => {
      const [unique, nonce] = [freshId(), freshId()];
      for (const [sid, own] of [
        [`${unique}a`, nonce],
        [`${unique}b`, nonce],
        [`${unique}:`, `:${nonce}`],
        [`${unique}`, `::${nonce}`],
        [`${unique}::`, nonce],
        [`${unique} `, ` ${nonce}`],
        [`${unique}`, `  ${nonce}`],
      ] as const) {
        equal(await claim(store, sid, own, { requireSession: false }), 'claimed', `${sid} and ${own}`);
      }
    },
  ],
  [
    'a nonce is a name like any other, whatever it spells',
    async ({ store }) => {
      const sid = freshSid();
      await store.create(sid, record(1), LONG_MS);
      for (const nonce of ODD_NAMES) equal(await claim(store, sid, nonce), 'claimed', `claim of ${nonce}`);
      for (const nonce of ODD_NAMES) equal(await claim(store, sid, nonce), 'replayed', `replay of ${nonce}`);
    },
  ],
  [
    'an attempt that names nobody is a TypeError and claims nothing: two of them must not look alike',
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      await store.create(sid, record(1), LONG_MS);
      for (const attempt of ['', undefined, null, 7, {}]) {
        const wrong = () =>
          store.claim(sid, nonce, attempt as string, {
            claimMs: LONG_MS,
            idleMs: LONG_MS,
            requireSession: true,
          });
        await rejectsWithTypeError(wrong, `an attempt that is ${attempt === '' ? 'empty' : typeof attempt}`);
      }
      equal(await claim(store, sid, nonce), 'claimed', 'a good attempt');
    },
  ],
  [
    'the epoch is a name of 1 to 64 characters: A-Z, a-z, 0-9, - and _',
    async ({ store }) => {
      const epoch = await store.epoch(freshSid());
      if (!isEpoch(epoch)) throw new Error(`not an epoch: ${JSON.stringify(epoch)}`);
    },
  ],
  [
    'the epoch is a name that stays while nothing is forgotten',
    async ({ store }) => {
      const sid = freshSid();
      const epoch = await store.epoch(sid);
      await store.create(sid, record(1), LONG_MS);
      equal(await claim(store, sid, freshId()), 'claimed', 'claim');
      await store.delete(sid);
      equal(await store.epoch(sid), epoch, 'the epoch afterwards');
    },
  ],
  [
    "a retry's claim holds in the memory that it names, and in no other",
    async ({ store }) => {
      const [sid, nonce] = [freshSid(), freshId()];
      const epoch = await store.epoch(sid);
      const other = `${epoch.startsWith('a') ? 'b' : 'a'}${epoch.slice(1)}`;
      const retry = { requireSession: false, epoch };
      equal(await claim(store, sid, nonce, { ...retry, epoch: other }), 'gone', 'another epoch');
      equal(await claim(store, sid, nonce, { ...retry, epoch: '' }), 'gone', 'an empty epoch');
      equal(await claim(store, sid, nonce, retry), 'claimed', 'its epoch');
      equal(
        await claim(store, sid, nonce, { ...retry, epoch: other }),
        'gone',
        'another epoch, once claimed',
      );
      equal(await claim(store, sid, nonce, retry), 'replayed', 'its epoch, once claimed');
    },
  ],
];
