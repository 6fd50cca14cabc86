/** Replays against several instances over one Redis, and across what makes a Redis forget (rows 38 to 43, 97). */
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { RedisSessionStore, type RedisSessionStoreOptions } from '../../src/session/index.ts';
import { AUDIENCE, expectSealedRefusal, type SealedCall } from '../attack/harness.ts';
import { type RedisProcess, replicate, startRedis } from '../support/redis.ts';
import { startSentinel } from '../support/sentinel.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { allRan, type Instance, openSession, plainCode, send, startInstance } from './stage.ts';

async function redis(...options: Parameters<typeof startRedis>): Promise<RedisProcess> {
  const started = await startRedis(...options);
  onTestFinished(() => started.stop());
  return started;
}

/** An instance with a connection of its own, and patient with its store: what is late is not the matter here. */
async function instance(
  port: number,
  options?: RedisSessionStoreOptions,
  clock?: () => number,
): Promise<Instance> {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: 1 });
  client.on('error', () => undefined);
  const started = await startInstance({
    store: new RedisSessionStore(client, { commandTimeoutMs: 10_000, ...options }),
    ...(clock && { clock }),
  });
  onTestFinished(() => client.disconnect());
  onTestFinished(() => started.close());
  return started;
}

const codeOf = async (at: Instance, call: SealedCall): Promise<string> => plainCode(await send(at, call));

/** A claimed request, a session that lives on, and a good call before. */
async function ranOnce(at: Instance) {
  const session = await openSession(at);
  const call = await session.seal({ payload: '"pay"' });
  expect(await codeOf(at, call)).toBe('');
  expect(at.ran).toEqual(['"pay"']);
  return { session, call };
}

/** A new session works at once. */
async function expectServing(at: Instance): Promise<void> {
  const ranBefore = at.ran.length;
  const session = await openSession(at);
  expect(await codeOf(at, await session.seal())).toBe('');
  expect(at.ran.length).toBe(ranBefore + 1);
}

test('row 38: of 100 copies of each of 20 requests, sent to 4 instances at once, exactly one runs', async () => {
  const { port } = await redis();
  const instances = await Promise.all(Array.from({ length: 4 }, () => instance(port)));
  const [first] = instances as [Instance];
  const session = await openSession(first);
  for (let i = 0; i < 20; i++) {
    const call = await session.seal({ payload: `"pay ${i}"` });
    const codes = await Promise.all(
      Array.from({ length: 100 }, (_, copy) => codeOf(instances[copy % 4] ?? first, call)),
    );
    expect(codes.filter((code) => code === '').length).toBe(1);
    expect(codes.filter((code) => code === 'ISO-5001').length).toBe(99);
  }
  expect(allRan(instances).length).toBe(20);
  expect(new Set(allRan(instances)).size).toBe(20);
});

test('row 39: a copy sent to another instance is a replay', async () => {
  const { port } = await redis();
  const [one, other] = [await instance(port), await instance(port)];
  const { call } = await ranOnce(one);
  expect(await codeOf(other, call)).toBe('ISO-5001');
  expect(other.ran).toEqual([]);
  await expectServing(other);
});

describe('row 40: claims that memory pressure could push out', () => {
  test('a server that may evict keys gets no session, and the log names its policy', async () => {
    const at = await redis({ config: { maxmemory: '100mb', 'maxmemory-policy': 'volatile-lru' } });
    const app = await instance(at.port);
    await expect(openSession(app)).rejects.toThrow();
    expect(app.hints('ISO-2003').join()).toMatch(
      /may evict replay claims .*volatile-lru.*set maxmemory-policy noeviction/,
    );
    await at.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await expectServing(app);
  });

  test('a policy of a server without a limit evicts nothing and is let be', async () => {
    await expectServing(
      await instance((await redis({ config: { 'maxmemory-policy': 'allkeys-lru' } })).port),
    );
  });

  test('a full server refuses claims, runs nothing, and forgets nothing (row 99)', async () => {
    const at = await redis({ config: { maxmemory: '100mb', 'maxmemory-policy': 'noeviction' } });
    const app = await instance(at.port);
    const { session, call } = await ranOnce(app);
    await at.command('CONFIG', 'SET', 'maxmemory', 1);
    expect(await codeOf(app, await session.seal())).toBe('ISO-2003');
    expect(await codeOf(app, call)).toMatch(/ISO-2003|ISO-5001/);
    expect(app.hints('ISO-2003').join()).toMatch(/OOM/);
    expect(app.ran).toEqual(['"pay"']);
    await at.command('CONFIG', 'SET', 'maxmemory', '100mb');
    expect(await codeOf(app, call)).toBe('ISO-5001');
    expect(await codeOf(app, await session.seal())).toBe('');
  });
});

describe('row 41: a restart ends the sessions whose claims it may have forgotten', () => {
  test.each([
    ['nothing on disk', {}, async () => undefined],
    ['a snapshot from before the claim', { save: '""' }, async (at: RedisProcess) => at.command('SAVE')],
    ['an append-only file, always', { appendonly: 'yes', appendfsync: 'always' }, async () => undefined],
  ])('%s', async (_, config, beforeTheClaim) => {
    const at = await redis({ config });
    const app = await instance(at.port);
    const session = await openSession(app);
    await beforeTheClaim(at);
    const call = await session.seal({ payload: '"pay"' });
    expect(await codeOf(app, call)).toBe('');
    await at.kill();
    await at.start();
    const codes = await until('the instance has found its server again', async () => {
      const code = await codeOf(app, call);
      return code === 'ISO-2003' ? undefined : code;
    });
    expect(codes).toBe('ISO-2002');
    expect(app.ran).toEqual(['"pay"']);
    // The retry of a call that ran, in a new session.
    const fresh = await openSession(app);
    const retry = await fresh.seal({
      payload: '"pay"',
      retry: `${session.sid} ${call.timestamp} ${call.sealed.nonce} ${session.terms.epoch}`,
    });
    await expectSealedRefusal(retry, await send(app, retry), 'ISO-5002');
    expect(app.ran).toEqual(['"pay"']);
    await expectServing(app);
  });
});

describe('row 42: a promotion that has lost claims', () => {
  /** A master, its replica behind a link that can be cut, and the address that clients use. */
  async function pair() {
    const [master, replica] = await Promise.all([redis(), redis()]);
    const link = await startProxy(master.port);
    onTestFinished(() => link.close());
    await replicate(replica, master, link.port);
    return { master, replica, link };
  }

  test('the promoted replica honours no session from before, and no retry of their calls', async () => {
    const { master, replica, link } = await pair();
    const before = await instance(master.port);
    const session = await openSession(before);
    // The replica has the session.
    await until('the session is on the replica', async () => (await replica.command('DBSIZE')) === 1);
    link.swallowReplies();
    const call = await session.seal({ payload: '"pay"' });
    expect(await codeOf(before, call)).toBe('');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    expect(await replica.command('DBSIZE')).toBe(1);
    const after = await instance(replica.port);
    expect(await codeOf(after, call)).toBe('ISO-2002');
    const fresh = await openSession(after);
    const retry = await fresh.seal({
      payload: '"pay"',
      retry: `${session.sid} ${call.timestamp} ${call.sealed.nonce} ${session.terms.epoch}`,
    });
    await expectSealedRefusal(retry, await send(after, retry), 'ISO-5002');
    expect([before.ran, after.ran]).toEqual([['"pay"'], []]);
    await expectServing(after);
  });

  test('nor does the old master, promoted again: its process is the same and its last claims are gone', async () => {
    const { master, replica, link } = await pair();
    const app = await instance(master.port);
    const session = await openSession(app);
    await until('the session is on the replica', async () => (await replica.command('DBSIZE')) === 1);
    const runId = String(await master.command('INFO', 'server')).match(/run_id:(\w+)/)?.[1];
    link.swallowReplies();
    const call = await session.seal({ payload: '"pay"' });
    expect(await codeOf(app, call)).toBe('');
    await replica.command('REPLICAOF', 'NO', 'ONE');
    await replicate(master, replica);
    await master.command('REPLICAOF', 'NO', 'ONE');
    expect(String(await master.command('INFO', 'server'))).toContain(`run_id:${runId}`);
    // It has the session, as it was, and not the claim.
    expect(await master.command('KEYS', '*:n:*')).toEqual([]);
    expect(await master.command('DBSIZE')).toBe(1);
    expect(await codeOf(app, call)).toBe('ISO-2002');
    expect(app.ran).toEqual(['"pay"']);
    await expectServing(app);
  });

  test('row 97: nor does the one that Sentinel promotes when the master dies', {
    timeout: 60_000,
  }, async () => {
    const { master, replica, link } = await pair();
    const sentinel = await startSentinel(master);
    onTestFinished(() => sentinel.stop());
    const client = new Redis({
      sentinels: [{ host: sentinel.host, port: sentinel.port }],
      name: 'nen',
      retryStrategy: () => 50,
      maxRetriesPerRequest: 1,
    });
    client.on('error', () => undefined);
    const app = await startInstance({ store: new RedisSessionStore(client, { commandTimeoutMs: 10_000 }) });
    onTestFinished(() => client.disconnect());
    onTestFinished(() => app.close());
    const session = await openSession(app);
    await until('the session is on the replica', async () => (await replica.command('DBSIZE')) === 1);
    link.swallowReplies();
    const call = await session.seal({ payload: '"pay"' });
    expect(await codeOf(app, call)).toBe('');
    await master.kill();
    const code = await until('the instance has found the new master', async () => {
      const answer = await codeOf(app, call);
      return answer === 'ISO-2003' ? undefined : answer;
    });
    expect(code).toBe('ISO-2002');
    expect(await replica.command('KEYS', '*:n:*')).toEqual([]);
    const fresh = await openSession(app);
    const retry = await fresh.seal({
      payload: '"pay"',
      retry: `${session.sid} ${call.timestamp} ${call.sealed.nonce} ${session.terms.epoch}`,
    });
    await expectSealedRefusal(retry, await send(app, retry), 'ISO-5002');
    expect(app.ran).toEqual(['"pay"']);
    await expectServing(app);
  });

  test('with replicas: 1, a claim that no replica acknowledged does not count', async () => {
    const { master, link } = await pair();
    const [patient, app] = [
      await instance(master.port, { replicas: 1 }),
      await instance(master.port, { replicas: 1, commandTimeoutMs: 1000 }),
    ];
    const session = await openSession(app);
    expect(await codeOf(patient, await session.seal())).toBe('');
    link.swallowReplies();
    expect(await codeOf(app, await session.seal({ payload: '"lost"' }))).toBe('ISO-2003');
    expect(app.hints('ISO-2003').join()).toMatch(/0 of 1 replicas of Redis acknowledged a claim in time/);
    expect(allRan([patient, app])).toEqual(['{"honest":true}']);
  });
});

describe('row 43: a request of a session that is over', () => {
  test.each(['rotate', 'terminate', 'expire'] as const)(
    '%s: refused on every instance, nothing runs',
    async (how) => {
      const at = await redis();
      let offsetMs = 0;
      const clock = (): number => Date.now() + offsetMs;
      const [one, other] = [await instance(at.port, {}, clock), await instance(at.port, {}, clock)];
      const { session, call } = await ranOnce(one);
      expect(await codeOf(other, await session.seal({ payload: '"warm"' }))).toBe('');
      if (how === 'terminate') {
        const end = await session.seal({ target: '/api/nen/terminate', kind: 'none' });
        expect(await codeOf(one, end)).toBe('');
      } else if (how === 'rotate') {
        const pending = await startHandshake(mlKem768Suite(primitives()), AUDIENCE);
        const hello = encodeClientHello(pending.hello);
        expect(await codeOf(one, await session.seal({ target: '/api/nen/rotate', payload: hello }))).toBe('');
      } else {
        offsetMs = 3_600_001;
      }
      const ranBefore = allRan([one, other]);
      for (const app of [one, other]) {
        expect(await codeOf(app, call)).toBe('ISO-2002');
        expect(await codeOf(app, await session.seal({ timestamp: clock() }))).toBe('ISO-2002');
      }
      expect(allRan([one, other])).toEqual(ranBefore);
      await expectServing(other);
    },
  );
});
