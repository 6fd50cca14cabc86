/** What an attacker with the store, its dumps or its log can do (rows 106 to 109). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { base64Encode, bytesToLatin1 } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { type Bytes, RedisSessionStore, type SessionStore } from '../../src/session/index.ts';
import { KeyRing, type StoreKey } from '../../src/session/key-ring.ts';
import { decodeSessionRecord } from '../../src/session/record.ts';
import { SealedSessionStore } from '../../src/session/sealed-store.ts';
import { AUDIENCE } from '../attack/harness.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { openSession, plainCode, send, startInstance } from './stage.ts';

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis({ config: { appendonly: 'yes', appendfsync: 'always' } });
  client = new Redis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

const key = (): string => base64Encode(randomBytes(32));

/** Each command waits for the disk, which others use too. */
const redisStore = (): RedisSessionStore => new RedisSessionStore(client, { commandTimeoutMs: 10_000 });

async function instance(storeKeys?: readonly StoreKey[], store: SessionStore = redisStore()) {
  const started = await startInstance({
    store,
    ...(storeKeys ? { storeKeys } : { storeKeys: undefined as never }),
  });
  onTestFinished(() => started.close());
  return started;
}

type Session = Awaited<ReturnType<typeof openSession>>;

const sessionKey = (sid: string): string => `nen:{${sid}}:s`;

describe('row 106: a record that was tampered with is an unknown session', () => {
  const ring = key();
  const flip = (value: string, at: number): string =>
    `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;

  test.each<[string, (own: string, other: string) => string]>([
    ['swapped with another session’s', (_, other) => other],
    ['altered in its box', (own) => flip(own, own.length - 10)],
    ['altered in its salt', (own) => flip(own, 41 + 40)],
    ['altered in its key id', (own) => flip(own, 41 + 8)],
    ['cut off', (own) => own.slice(0, own.length - 8)],
    ['cut to its stamp', (own) => own.slice(0, 41)],
    [
      'replaced by JSON',
      (own) => `${own.slice(0, 41)}${Buffer.from('{"requestKey":""}').toString('base64')}`,
    ],
    ['of another epoch', (own) => `${'0'.repeat(40)}${own.slice(40)}`],
  ])('%s', async (_, tamper) => {
    const honest = await instance([ring]);
    const [session, other] = [await openSession(honest), await openSession(honest)];
    const [own, others] = await client.mget(sessionKey(session.sid), sessionKey(other.sid));
    await client.set(sessionKey(session.sid), tamper(String(own), String(others)), 'PX', 60_000);
    // Another instance, which has not opened it yet.
    const app = await instance([ring]);
    expect(plainCode(await send(app, await session.seal()))).toBe('ISO-2002');
    expect(app.ran).toEqual([]);
    const hint = app.hints('ISO-2002').join();
    if (!hint.includes('no such session'))
      expect(hint).toMatch(/^ISO-2004: a session record can't be opened/);
    expect(plainCode(await send(app, await other.seal()))).toBe('');
  });

  test('given a longer life in the store: it ends at its own absolute end', async () => {
    let offsetMs = 0;
    const clock = (): number => Date.now() + offsetMs;
    const app = await startInstance({ store: redisStore(), storeKeys: [ring], clock });
    onTestFinished(() => app.close());
    const session = await openSession(app);
    await client.pexpire(sessionKey(session.sid), 1e9);
    offsetMs = 3_600_001;
    const other = await startInstance({ store: redisStore(), storeKeys: [ring], clock });
    onTestFinished(() => other.close());
    expect(plainCode(await send(other, await session.seal({ timestamp: clock() })))).toBe('ISO-2002');
  });
});

describe('row 107: the record of a session that is over is put back into the store', () => {
  const ring = key();

  test.each(['terminate', 'rotate'] as const)(
    'after %s: its claims are still there, so that nothing from before runs again',
    async (how) => {
      const app = await instance([ring]);
      const session = await openSession(app);
      const calls = await Promise.all(['"one"', '"two"'].map((payload) => session.seal({ payload })));
      for (const call of calls) expect(plainCode(await send(app, call))).toBe('');
      const record = String(await client.get(sessionKey(session.sid)));
      expect(plainCode(await send(app, await (how === 'terminate' ? termination : rotation)(session)))).toBe(
        '',
      );
      expect(await client.exists(sessionKey(session.sid))).toBe(0);

      await client.set(sessionKey(session.sid), record, 'PX', 60_000);
      for (const at of [app, await instance([ring])]) {
        for (const call of calls) expect(plainCode(await send(at, call))).toBe('ISO-5001');
      }
      expect(app.ran).toEqual(['"one"', '"two"']);
      // The limit that SECURITY.md names: who can take claims away too lets a recorded request in again.
      await client.del(`nen:{${session.sid}}:n:${calls[0]?.sealed.nonce}`);
      const [first] = calls;
      expect(first && plainCode(await send(app, first))).toBe('');
    },
  );

  const termination = (session: Session) => session.seal({ target: '/api/nen/terminate', kind: 'none' });
  const rotation = async (session: Session) => {
    const { hello } = await startHandshake(mlKem768Suite(primitives()), AUDIENCE);
    return session.seal({ target: '/api/nen/rotate', payload: encodeClientHello(hello) });
  };
});

test('row 108: neither the server’s files nor its monitor hold a key of a session, or the record', async () => {
  const monitor = await client.duplicate().monitor();
  const seen: string[] = [];
  monitor.on('monitor', (_, args: string[]) => seen.push(args.join(' ')));
  const bare: SessionStore & { records: Bytes[] } = Object.assign(redisStore(), {
    records: [],
  });
  const ring = new KeyRing([key()]);
  const sealed = new SealedSessionStore(bare, () => ring);
  // The plain record on its way into the seal, to know what to look for.
  const records: Bytes[] = [];
  const spy: SessionStore = {
    local: true,
    epoch: (sid) => sealed.epoch(sid),
    create: (sid, record, ttlMs) => {
      records.push(record.slice());
      return sealed.create(sid, record, ttlMs);
    },
    read: (sid) => sealed.read(sid),
    claim: (sid, nonce, attempt, options) => sealed.claim(sid, nonce, attempt, options),
    rotate: (oldSid, newSid, record, ttlMs) => sealed.rotate(oldSid, newSid, record, ttlMs),
    delete: (sid) => sealed.delete(sid),
  };
  const app = await instance([key()], spy);
  for (let i = 0; i < 20; i++) {
    const session = await openSession(app);
    expect(plainCode(await send(app, await session.seal()))).toBe('');
  }
  await redis.command('SAVE');
  monitor.disconnect();
  const aof = join(redis.folder, 'appendonlydir');
  const { readdirSync } = await import('node:fs');
  const files = [join(redis.folder, 'dump.rdb'), ...readdirSync(aof).map((name) => join(aof, name))];
  const haystacks = [...files.map((file) => readFileSync(file, 'latin1')), seen.join('\n')];
  expect(records.length).toBe(20);
  expect(haystacks.join('').length).toBeGreaterThan(20_000);
  for (const record of records) {
    const decoded = decodeSessionRecord(record);
    if (decoded === undefined) throw new Error('not a record');
    for (const secret of [
      decoded.requestKey,
      decoded.responseSecret,
      decoded.exporterSecret,
      decoded.hmacKey,
    ]) {
      const buffer = Buffer.from(secret);
      const spellings = [
        bytesToLatin1(secret),
        buffer.toString('hex'),
        buffer.toString('base64').slice(1, 41),
        buffer.toString('base64url').slice(1, 41),
      ];
      for (const text of spellings)
        for (const haystack of haystacks) expect(haystack.includes(text)).toBe(false);
    }
  }
});

describe('row 109: store keys', () => {
  test('missing: nothing is served, the log names the command that makes one, and nothing throws at import', async () => {
    vi.stubEnv('NEN_STORE_KEYS', '');
    const app = await instance();
    await expect(openSession(app)).rejects.toThrow();
    expect(app.hints('ISO-2003').join()).toContain('npx trpc-nen keygen --store');
    const honest = await instance([key()]);
    const session = await openSession(honest);
    expect(plainCode(await send(app, await session.seal()))).toBe('ISO-2003');
    expect(app.ran).toEqual([]);
    await expect(app.nen.check()).rejects.toMatchObject({ code: 'ISO-2003' });
    vi.stubEnv('NEN_STORE_KEYS', key());
    await app.nen.check();
  });

  test.each(['short', `${key()},`, `${key()} ${key()}`, key().replace('=', '')])(
    'malformed in the environment (%#): 503, and the log says so without the key',
    async (keys) => {
      vi.stubEnv('NEN_STORE_KEYS', keys);
      const app = await instance();
      await expect(openSession(app)).rejects.toThrow();
      expect(app.hints('ISO-2003').join()).toMatch(/NEN_STORE_KEYS is malformed/);
      expect(app.hints('ISO-2003').join()).not.toContain(keys);
    },
  );

  test.each([
    [[]],
    [['short']],
    [[key().replace('=', '')]],
    [[undefined]],
    [[{ keyId: 'a' }]],
    ['not a list'],
  ])('malformed as an option (%#): a TypeError at once', async (keys) => {
    await expect(instance(keys as never)).rejects.toThrow(TypeError);
  });

  test('the wrong one: 2002; rolled: both open, the first seals', async () => {
    const [before, after] = [key(), key()];
    const session = await openSession(await instance([before]));
    expect(plainCode(await send(await instance([after]), await session.seal()))).toBe('ISO-2002');
    const during = await instance([after, before]);
    expect(plainCode(await send(during, await session.seal()))).toBe('');
    const fresh = await openSession(during);
    expect(plainCode(await send(await instance([after]), await fresh.seal()))).toBe('');
    expect(plainCode(await send(await instance([before]), await fresh.seal()))).toBe('ISO-2002');
  });
});
