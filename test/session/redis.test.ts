/**
 * The shared stores up to the server: what they send, which answers they take, and what they refuse. What Redis makes
 * of it: redis.contract.test.ts and stores.property.test.ts.
 */
import { GlideClient } from '@valkey/valkey-glide';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  RedisSessionStore,
  type RedisSessionStoreOptions,
  type SessionStore,
} from '../../src/session/index.ts';
import type { ScriptCall, ScriptRunner } from '../../src/session/redis/script-store.ts';
import { SessionStoreError } from '../../src/session/store-error.ts';
import { type RedisProcess, replicate, startRedis } from '../support/redis.ts';

const RECORD = Uint8Array.of(1, 2, 255);
const CLAIM = { claimMs: 120_000, idleMs: 900_000, requireSession: true, epoch: undefined };
const SERVER = 'a server';

/** A runner that gives these answers, the last of them again and again. */
function answering(...answers: unknown[]) {
  const calls: ScriptCall[] = [];
  const run = async (call: ScriptCall): Promise<unknown> => {
    calls.push(call);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { calls, runner: { server: SERVER, run } };
}

/** A runner whose servers have replicas, of which so many acknowledge. */
function acknowledging(answer: unknown, replicas: unknown) {
  const waits: unknown[][] = [];
  const runAndWait = async ({ keys, args, idempotent }: ScriptCall, ...wait: number[]) => {
    waits.push([keys, args, idempotent, ...wait]);
    return [answer, replicas] as const;
  };
  return { waits, runner: { ...answering('not waited for').runner, runAndWait } };
}

const keysAndArgs = ({ keys, args, idempotent }: ScriptCall) => ({ keys, args, idempotent });

describe('what is sent', () => {
  test('a session has one key, a claim a second one in the same slot', async () => {
    const { calls, runner } = answering(1, 'AQL/', 'claimed', 'claimed', 1, 'epoch noeviction');
    const store = new RedisSessionStore(runner);
    await store.create('sid', RECORD, 1500.2);
    expect(await store.read('sid')).toEqual(RECORD);
    await store.claim('sid', 'nonce', 'attempt', CLAIM);
    await store.claim('sid', 'nonce', 'attempt', { ...CLAIM, requireSession: false, epoch: 'epoch' });
    await store.delete('sid');
    await store.epoch('sid');
    const session = 'nen:{sid}:s';
    expect(calls.map(keysAndArgs)).toEqual([
      { keys: [session], args: ['AQL/', '1501'], idempotent: true },
      { keys: [session], args: [], idempotent: true },
      { keys: [session, 'nen:{sid}:n:nonce'], args: ['attempt', '120000', '900000', ''], idempotent: true },
      { keys: [session, 'nen:{sid}:n:nonce'], args: ['attempt', '120000', '0', 'epoch'], idempotent: true },
      // The second of two would be told that there was no session.
      { keys: [session], args: [], idempotent: false },
      { keys: [session], args: [], idempotent: true },
    ]);
  });

  test('the prefix is the application’s', async () => {
    const { calls, runner } = answering(null);
    await new RedisSessionStore(runner, { keyPrefix: '' }).read('sid');
    await new RedisSessionStore(runner, { keyPrefix: 'app:' }).read('sid');
    expect(calls.flatMap(({ keys }) => keys)).toEqual(['{sid}:s', 'app:{sid}:s']);
  });

  test('a time of nothing is the shortest that Redis knows, and what is no time is not sent', async () => {
    const { calls, runner } = answering(1);
    const store = new RedisSessionStore(runner);
    await store.create('sid', RECORD, 0);
    await store.create('sid', RECORD, Number.MAX_SAFE_INTEGER);
    expect(calls.map(({ args }) => args[1])).toEqual(['1', String(Number.MAX_SAFE_INTEGER)]);
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1]) {
      await expect(store.create('sid', RECORD, ms)).rejects.toThrow(RangeError);
      await expect(store.rotate('sid', 'new', RECORD, ms)).rejects.toThrow(RangeError);
      await expect(store.claim('sid', 'n', 'a', { ...CLAIM, claimMs: ms })).rejects.toThrow(RangeError);
      await expect(store.claim('sid', 'n', 'a', { ...CLAIM, idleMs: ms })).rejects.toThrow(RangeError);
    }
    expect(calls.length).toBe(2);
  });

  test('no claim for an attempt without a name, nor in an epoch without one', async () => {
    const { calls, runner } = answering('claimed');
    const store = new RedisSessionStore(runner);
    for (const attempt of ['', undefined, 5] as string[])
      await expect(store.claim('sid', 'n', attempt, CLAIM)).rejects.toThrow(
        new TypeError('attempt must be a non-empty string'),
      );
    expect(await store.claim('sid', 'n', 'a', { ...CLAIM, epoch: '' })).toBe('gone');
    expect(calls).toEqual([]);
  });
});

describe('what is taken for an answer', () => {
  const operations = {
    epoch: (store: SessionStore) => store.epoch('sid'),
    create: (store: SessionStore) => store.create('sid', RECORD, 1000),
    read: (store: SessionStore) => store.read('sid'),
    claim: (store: SessionStore) => store.claim('sid', 'n', 'a', CLAIM),
    delete: (store: SessionStore) => store.delete('sid'),
  };

  test.each<[keyof typeof operations, unknown, unknown]>([
    ['epoch', 'e ', 'e'],
    ['epoch', 'e noeviction', 'e'],
    ['create', 1, undefined],
    ['read', null, undefined],
    ['read', undefined, undefined],
    ['read', '', new Uint8Array(0)],
    ['claim', 'claimed', 'claimed'],
    ['claim', 'replayed', 'replayed'],
    ['claim', 'gone', 'gone'],
    ['delete', 1, true],
    ['delete', 0, false],
  ])('%s: %j is %j', async (operation, answer, result) => {
    const store = new RedisSessionStore(answering(answer).runner);
    expect(await operations[operation](store)).toEqual(result);
  });

  test.each<[keyof typeof operations, unknown]>([
    ['epoch', ''],
    ['epoch', ' noeviction'],
    ['epoch', 'e noeviction more'],
    ['epoch', null],
    ['epoch', 1],
    ['create', 0],
    ['create', '1'],
    ['create', null],
    ['read', 1],
    ['read', 'AQL'],
    ['read', false],
    ['claim', 'CLAIMED'],
    ['claim', null],
    ['claim', 1],
    ['delete', 2],
    ['delete', '1'],
    ['delete', null],
  ])('%s: %j is none', async (operation, answer) => {
    const store = new RedisSessionStore(answering(answer).runner);
    await expect(operations[operation](store)).rejects.toThrow(
      new SessionStoreError('a server gave an answer that no script of ours gives'),
    );
  });

  test('a server that may evict claims is told by its policy, and not used', async () => {
    const store = new RedisSessionStore(answering('e allkeys-lru').runner);
    await expect(store.epoch('sid')).rejects.toThrow(/a server may evict .* allkeys-lru\)/);
  });

  test('a command that takes too long is a store that is down', async () => {
    const runner: ScriptRunner = { server: SERVER, run: () => new Promise(() => undefined) };
    const store = new RedisSessionStore(runner, { commandTimeoutMs: 5 });
    await expect(store.read('sid')).rejects.toThrow(
      new SessionStoreError('a server did not answer within 5 ms'),
    );
  });
});

describe('a rotation', () => {
  const sessions = (calls: readonly ScriptCall[]) => calls.map(({ keys }) => keys[0]);

  test('puts the new session in before it takes the old one out', async () => {
    const { calls, runner } = answering(1);
    expect(await new RedisSessionStore(runner).rotate('old', 'new', RECORD, 1000)).toBe(true);
    expect(sessions(calls)).toEqual(['nen:{new}:s', 'nen:{old}:s']);
  });

  test('of a session that is gone leaves no new one', async () => {
    const { calls, runner } = answering(1, 0, 1);
    expect(await new RedisSessionStore(runner).rotate('old', 'new', RECORD, 1000)).toBe(false);
    expect(sessions(calls)).toEqual(['nen:{new}:s', 'nen:{old}:s', 'nen:{new}:s']);
  });

  test('whose end nobody knows leaves no new one', async () => {
    const { calls, runner } = answering(1, new Error('OOM no'), 1);
    const rotated = new RedisSessionStore(runner).rotate('old', 'new', RECORD, 1000);
    await expect(rotated).rejects.toThrow(new SessionStoreError('a server failed: OOM'));
    expect(sessions(calls)).toEqual(['nen:{new}:s', 'nen:{old}:s', 'nen:{new}:s']);
  });
});

describe('replicas', () => {
  const claim = (runner: ScriptRunner, options: RedisSessionStoreOptions) =>
    new RedisSessionStore(runner, options).claim('sid', 'n', 'a', CLAIM);

  test('are waited for with a share of the time, and a claim that enough of them have counts', async () => {
    const { waits, runner } = acknowledging('claimed', 2);
    expect(await claim(runner, { replicas: 2, commandTimeoutMs: 1001 })).toBe('claimed');
    expect(await claim(runner, { replicas: 1, commandTimeoutMs: 1 })).toBe('claimed');
    const [keys, args] = [
      ['nen:{sid}:s', 'nen:{sid}:n:n'],
      ['a', '120000', '900000', ''],
    ];
    // WAIT 0 would wait for ever.
    expect(waits).toEqual([
      [keys, args, true, 2, 800],
      [keys, args, true, 1, 1],
    ]);
  });

  test.each([1, '1', 0, null, undefined])('two, of which %j acknowledged: no claim', async (replicas) => {
    const { runner } = acknowledging('claimed', replicas);
    await expect(claim(runner, { replicas: 2 })).rejects.toThrow(SessionStoreError);
  });

  test('what is no claim needs none', async () => {
    expect(await claim(acknowledging('replayed', 0).runner, { replicas: 1 })).toBe('replayed');
    expect(await claim(acknowledging('gone', 0).runner, { replicas: 1 })).toBe('gone');
    await expect(claim(acknowledging(undefined, 0).runner, { replicas: 1 })).rejects.toThrow(
      /no script of ours/,
    );
  });
});

describe('an option that is wrong is a TypeError at once', () => {
  const { runner } = answering(1);
  test.each<RedisSessionStoreOptions>([
    { keyPrefix: '{a' },
    { keyPrefix: 'a}' },
    { keyPrefix: 5 as never },
    { commandTimeoutMs: 0 },
    { commandTimeoutMs: -1 },
    { commandTimeoutMs: Number.NaN },
    { commandTimeoutMs: Number.POSITIVE_INFINITY },
    { replicas: -1 },
    { replicas: 0.5 },
    { replicas: Number.NaN },
    { replicas: 1 },
  ])('%j', (options) => {
    expect(() => new RedisSessionStore(runner, options)).toThrow(TypeError);
    // Its message begins with the option's name.
    expect(() => new RedisSessionStore(runner, options)).toThrow(
      new RegExp(`^${Object.keys(options).join()}: `),
    );
  });
});

test.each<[unknown]>([
  [{}],
  [null],
  [undefined],
  ['redis://localhost'],
  [() => undefined],
  [{ call() {} }],
  [{ pipeline() {} }],
  [{ eval() {} }],
  [{ sendCommand() {} }],
  [{ run() {} }],
  [{ server: SERVER }],
])('none of the known clients is a TypeError that names them: %s', (client) => {
  expect(() => new RedisSessionStore(client as never)).toThrow(
    /ioredis, iovalkey, redis \(node-redis\) or valkey-glide/,
  );
});

describe('over a real server', () => {
  let master: RedisProcess;
  let replica: RedisProcess;
  let client: Redis;
  beforeAll(async () => {
    [master, replica] = await Promise.all([startRedis(), startRedis()]);
    client = new Redis(master.url);
  });
  afterAll(async () => {
    client?.disconnect();
    await Promise.all([replica, master].map((one) => one?.stop()));
  });

  async function works(store: SessionStore): Promise<void> {
    await store.create('sid', RECORD, 10_000);
    expect(await store.read('sid')).toEqual(RECORD);
    expect(await store.claim('sid', `${Math.random()}`, 'a', CLAIM)).toBe('claimed');
    expect(await store.delete('sid')).toBe(true);
  }

  test('ioredis, told by its shape and by name', async () => {
    await works(new RedisSessionStore(client));
    await works(RedisSessionStore.fromIoredis(client, { keyPrefix: 'named:' }));
  });

  test('node-redis, told by its shape and by name', async () => {
    const nodeRedis = await createClient({ url: master.url }).connect();
    await works(new RedisSessionStore(nodeRedis));
    await works(RedisSessionStore.fromNodeRedis(nodeRedis, { keyPrefix: 'named:' }));
    expect(() => new RedisSessionStore(nodeRedis, { replicas: 1 })).toThrow(TypeError);
    nodeRedis.destroy();
  });

  test('valkey-glide, told by its shape and by name', async () => {
    const glide = await GlideClient.createClient({ addresses: [{ host: master.host, port: master.port }] });
    await works(new RedisSessionStore(glide));
    await works(RedisSessionStore.fromValkeyGlide(glide, { keyPrefix: 'named:' }));
    expect(() => new RedisSessionStore(glide, { replicas: 1 })).toThrow(TypeError);
    glide.close();
  });

  test('a claim that no replica has is none, and one that a replica has is one', async () => {
    const alone = new RedisSessionStore(client, { replicas: 1, commandTimeoutMs: 500 });
    await alone.create('sid', RECORD, 10_000);
    await expect(alone.claim('sid', 'alone', 'a', CLAIM)).rejects.toThrow(
      /0 of 1 replicas of Redis acknowledged a claim in time/,
    );
    await replicate(replica, master);
    await works(new RedisSessionStore(client, { replicas: 1, commandTimeoutMs: 5000 }));
  });

  test.each(['WAIT', 'EVAL'])('where %s is not allowed, nothing is claimed', async (command) => {
    await master.command('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', `-${command}`);
    const limited = new Redis(master.url, { username: 'limited', password: 'secret' });
    const store = new RedisSessionStore(limited, { replicas: 1, commandTimeoutMs: 5000 });
    await expect(store.claim('sid', 'n', 'a', { ...CLAIM, requireSession: false })).rejects.toThrow(
      new SessionStoreError('Redis failed: NOPERM'),
    );
    limited.disconnect();
  });
});
