/** The store in memory at its limits: who goes first, who never goes, and what it holds at most. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { GENERATION_MS, MAX_CLAIM_MS } from '../../src/session/claim-table.ts';
import { InMemorySessionStore, type InMemorySessionStoreOptions } from '../../src/session/index.ts';

const HOUR_MS = 3_600_000;
const RECORD = Uint8Array.from([1, 2, 3]);

function storeWithClock(options: Omit<InMemorySessionStoreOptions, 'now'> = {}) {
  const clock = { now: 1_700_000_000_000 };
  const store = new InMemorySessionStore({ ...options, now: () => clock.now });
  let nonces = 0;
  const use = (sid: string) =>
    store.claim(sid, `nonce ${nonces++}`, 'attempt', {
      claimMs: 120_000,
      idleMs: HOUR_MS,
      requireSession: true,
    });
  return {
    store,
    clock,
    use,
    create: (sid: string, ttlMs = HOUR_MS) => store.create(sid, RECORD, ttlMs),
    confirm: async (sid: string) => {
      await store.create(sid, RECORD, HOUR_MS);
      await use(sid);
    },
    /** Those of `sids` that are there. Reading changes nothing. */
    there: async (...sids: string[]) => {
      const records = await Promise.all(sids.map((sid) => store.read(sid)));
      return sids.filter((_, i) => records[i] !== undefined).join(' ');
    },
  };
}

describe('eviction', () => {
  test('above maxUnconfirmed the oldest unconfirmed session goes', async () => {
    const { create, there } = storeWithClock({ maxUnconfirmed: 2 });
    await create('a');
    await create('b');
    await create('c');
    expect(await there('a', 'b', 'c')).toBe('b c');
  });

  test('a flood of handshakes evicts no confirmed session, even at the cap', async () => {
    const { create, confirm, there } = storeWithClock({ maxSessions: 2, maxUnconfirmed: 3 });
    await confirm('a');
    await confirm('b');
    for (let i = 0; i < 100; i++) await create(`flood ${i}`);
    expect(await there('a', 'b', 'flood 96', 'flood 97', 'flood 98', 'flood 99')).toBe(
      'a b flood 97 flood 98 flood 99',
    );
  });

  test('above maxSessions the confirmed session goes whose last claim is the oldest', async () => {
    const { confirm, use, there } = storeWithClock({ maxSessions: 3 });
    for (const sid of ['a', 'b', 'c']) await confirm(sid);
    await use('a');
    await confirm('d');
    expect(await there('a', 'b', 'c', 'd')).toBe('a c d');
    await use('c');
    await confirm('e');
    expect(await there('a', 'b', 'c', 'd', 'e')).toBe('c d e');
  });

  test('a read is no use: who knows only a sid keeps nothing alive', async () => {
    const { store, confirm, there } = storeWithClock({ maxSessions: 2 });
    await confirm('a');
    await confirm('b');
    await store.read('a');
    await confirm('c');
    expect(await there('a', 'b', 'c')).toBe('b c');
  });

  test('a rotated session counts as confirmed and as used', async () => {
    const { store, create, confirm, there } = storeWithClock({ maxSessions: 2, maxUnconfirmed: 1 });
    await create('a');
    expect(await store.rotate('a', 'b', RECORD, HOUR_MS)).toBe(true);
    await create('flood');
    await create('flood 2');
    expect(await there('a', 'b', 'flood', 'flood 2')).toBe('b flood 2');
    await confirm('c');
    await confirm('d');
    expect(await there('b', 'c', 'd')).toBe('c d');
  });

  test('a rotation at the cap evicts nobody: the old session makes the room', async () => {
    const { store, confirm, there } = storeWithClock({ maxSessions: 2 });
    await confirm('a');
    await confirm('b');
    expect(await store.rotate('b', 'c', RECORD, HOUR_MS)).toBe(true);
    expect(await store.rotate('c', 'c', RECORD, HOUR_MS)).toBe(true);
    expect(await there('a', 'b', 'c')).toBe('a c');
  });

  test('a claim outlives the eviction of its session', async () => {
    const { store, confirm, there } = storeWithClock({ maxSessions: 1 });
    const options = { claimMs: 120_000, idleMs: HOUR_MS, requireSession: true };
    await confirm('a');
    expect(await store.claim('a', 'n', 'first', options)).toBe('claimed');
    await confirm('b');
    expect(await there('a')).toBe('');
    expect(await store.claim('a', 'n', 'second', { ...options, requireSession: false })).toBe('replayed');
    await store.create('a', RECORD, HOUR_MS);
    expect(await store.claim('a', 'n', 'second', options)).toBe('replayed');
  });
});

describe('a full table of claims', () => {
  const options = { claimMs: 120_000, idleMs: HOUR_MS, requireSession: true };

  test('rejects, forgets nothing, and takes claims again once the old ones have ended', async () => {
    const { store, clock, create } = storeWithClock({ maxClaims: 100 });
    await create('a');
    for (let i = 0; i < 100; i++) expect(await store.claim('a', `${i}`, 'first', options)).toBe('claimed');
    for (let i = 0; i < 50; i++)
      await expect(store.claim('a', `new ${i}`, 'first', options)).rejects.toThrow(/full/);
    for (let i = 0; i < 100; i++) {
      expect(await store.claim('a', `${i}`, 'second', options)).toBe('replayed');
      expect(await store.claim('a', `${i}`, 'first', options)).toBe('claimed');
    }
    clock.now += 119_999;
    await expect(store.claim('a', 'new', 'first', options)).rejects.toThrow(/full/);
    expect(await store.claim('a', '0', 'second', options)).toBe('replayed');
    clock.now += 1 + GENERATION_MS;
    expect(await store.claim('a', 'new', 'first', options)).toBe('claimed');
  });

  test('confirms no session and keeps none', async () => {
    const { store, clock, create, there } = storeWithClock({ maxClaims: 1 });
    await create('a', 1000);
    await store.claim('b', 'n', 'first', { ...options, requireSession: false });
    await expect(store.claim('a', 'n', 'first', options)).rejects.toThrow(/full/);
    clock.now += 1000;
    expect(await there('a')).toBe('');
  });

  test('makes room for the same attempt that claims for longer', async () => {
    const { store, clock, create } = storeWithClock({ maxClaims: 1 });
    await create('a');
    expect(await store.claim('a', 'n', 'first', options)).toBe('claimed');
    clock.now += 60_000;
    expect(await store.claim('a', 'n', 'first', options)).toBe('claimed');
    clock.now += 100_000;
    expect(await store.claim('a', 'n', 'second', options)).toBe('replayed');
  });
});

/** The copies of `record` that are made from now on. */
function copiesOf(record: Uint8Array): readonly Uint8Array[] {
  const copies: Uint8Array[] = [];
  const { slice } = Uint8Array.prototype;
  const spy = vi.spyOn(Uint8Array.prototype, 'slice').mockImplementation(function (
    this: Uint8Array,
    ...range
  ) {
    const copy = slice.apply(this, range);
    if (this === record) copies.push(copy);
    return copy;
  });
  onTestFinished(() => spy.mockRestore());
  return copies;
}

describe('the record of a session that is over is wiped', () => {
  const WIPED = new Uint8Array(RECORD.length);

  test('when it has expired and another session is read', async () => {
    const { store, clock, create, there } = storeWithClock();
    const copies = copiesOf(RECORD);
    await create('a', 1000);
    await create('b', 1001);
    clock.now += 1000;
    expect(await there('b')).toBe('b');
    expect(copies).toEqual([WIPED, RECORD]);
    clock.now += 1;
    await store.delete('nobody');
    expect(copies).toEqual([WIPED, WIPED]);
  });

  test('when the clock is set back, which forgets all', async () => {
    const { store, clock, create, confirm } = storeWithClock();
    const copies = copiesOf(RECORD);
    for (const sid of ['a', 'b', 'c']) await create(sid);
    for (const sid of ['d', 'e', 'f']) await confirm(sid);
    clock.now -= 60_001;
    await store.epoch('sid');
    expect(copies).toEqual(Array.from({ length: 6 }, () => WIPED));
  });
});

describe('time', () => {
  test('a clock set back by more than a claim leaves over forgets the sessions too, under a new epoch', async () => {
    const { store, clock, confirm, there } = storeWithClock();
    await confirm('a');
    const epoch = await store.epoch('sid');
    clock.now -= 60_000;
    expect(await store.epoch('sid')).toBe(epoch);
    expect(await there('a')).toBe('a');
    clock.now -= 1;
    expect(await there('a')).toBe('');
    expect(await store.epoch('sid')).not.toBe(epoch);
    await confirm('b');
    expect(await there('b')).toBe('b');
  });

  test('every store has an epoch of its own', async () => {
    const epochs = await Promise.all(
      Array.from({ length: 100 }, () => new InMemorySessionStore().epoch('sid')),
    );
    expect(new Set(epochs).size).toBe(100);
  });

  test('a duration that is no number is refused and changes nothing: NaN would never end', async () => {
    const { store, create, there } = storeWithClock();
    await create('a');
    const options = { claimMs: 120_000, idleMs: HOUR_MS, requireSession: true };
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      const refused = (name: string) =>
        new RangeError(`${name} must be from 0 to ${Number.MAX_SAFE_INTEGER} ms`);
      await expect(store.create('b', RECORD, wrong)).rejects.toThrow(refused('ttlMs'));
      await expect(store.rotate('a', 'b', RECORD, wrong)).rejects.toThrow(refused('ttlMs'));
      await expect(store.claim('a', 'n', 'x', { ...options, idleMs: wrong })).rejects.toThrow(
        refused('idleMs'),
      );
      await expect(store.claim('a', 'n', 'x', { ...options, claimMs: wrong })).rejects.toThrow(
        new RangeError('claimMs must be from 0 to 3600000 ms'),
      );
    }
    await expect(store.claim('a', 'n', 'x', { ...options, claimMs: MAX_CLAIM_MS + 1 })).rejects.toThrow(
      RangeError,
    );
    expect(await there('a', 'b')).toBe('a');
    expect(await store.claim('a', 'n', 'first', options)).toBe('claimed');
  });

  test('a limit that is no positive integer is refused', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const name of ['maxSessions', 'maxUnconfirmed', 'maxClaims'])
        expect(() => new InMemorySessionStore({ [name]: wrong })).toThrow(
          new RangeError(`${name} must be a positive integer`),
        );
    }
  });
});

test('says that its records stay in this process: they need no seal', () => {
  expect(new InMemorySessionStore().local).toBe(true);
});
