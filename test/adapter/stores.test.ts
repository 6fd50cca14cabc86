/** Which store a server uses: the option, else the environment, else memory; read at first use only. */
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, onTestFinished, vi } from 'vitest';
import { createNen, type NenEvent } from '../../src/adapter/server.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { primitives } from '../../src/crypto/select.ts';
import { mlKem768Suite } from '../../src/crypto/suite.ts';
import { startHandshake } from '../../src/protocol/handshake.ts';
import { encodeClientHello } from '../../src/protocol/handshake-messages.ts';
import { type Bytes, InMemorySessionStore, type SessionStore } from '../../src/session/index.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startUpstashFront } from '../support/upstash-front.ts';

const HOLDER = Symbol.for('trpc-nen.store');
const forget = (): void => void Reflect.deleteProperty(globalThis, HOLDER);
const NAMES = [
  'REDIS_URL',
  'UPSTASH_REDIS_REST_URL',
  'UPSTASH_REDIS_REST_TOKEN',
  'NEN_STORE_KEYS',
  'NODE_ENV',
];

let redis: RedisProcess | undefined;
/** Of the clients that a server makes itself: they would connect again for as long as the process lives. */
let connect: MockInstance<Redis['connect']>;
beforeEach(() => {
  forget();
  connect = vi.spyOn(Redis.prototype, 'connect');
  for (const name of NAMES) vi.stubEnv(name, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const client of connect.mock.contexts as Redis[]) client.disconnect();
  vi.restoreAllMocks();
  forget();
  await redis?.stop();
  redis = undefined;
});

/** What a command may take (commandTimeoutMs). */
const COMMAND_MS = 500;

const storeKey = (): string => Buffer.from(randomBytes(32)).toString('base64');

/** What `check` comes to: 'ok', or the hint in the log. */
async function checked(): Promise<string> {
  return createNen({ onEvent: (_event: NenEvent) => undefined })
    .check()
    .then(
      () => 'ok',
      (error: { code: string; hint: string }) => `${error.code} ${error.hint}`,
    );
}

describe('createNen without a store', () => {
  it('reads nothing before its first use, and keeps one store for the process', async () => {
    vi.stubEnv('UPSTASH_REDIS_REST_URL', 'nonsense');
    const nen = createNen();
    vi.stubEnv('UPSTASH_REDIS_REST_URL', '');
    await nen.check();
    expect(await checked()).toBe('ok');
  });

  it('row 111: keeps sessions in memory, and warns of it once in production', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('NODE_ENV', 'production');
    const nen = createNen();
    expect(warn).not.toHaveBeenCalled();
    await nen.check();
    await nen.check();
    await createNen().check();
    expect(warn.mock.calls.filter(([line]) => /memory of this process/.test(String(line))).length).toBe(1);
  });

  it.each([
    [{ UPSTASH_REDIS_REST_URL: 'https://a.invalid' }, /UPSTASH_REDIS_REST_TOKEN is missing or malformed/],
    [{ UPSTASH_REDIS_REST_URL: 'nonsense', UPSTASH_REDIS_REST_TOKEN: 't' }, /missing or malformed/],
    [
      { UPSTASH_REDIS_REST_URL: 'https://a.invalid', UPSTASH_REDIS_REST_TOKEN: 't' },
      /npx trpc-nen keygen --store/,
    ],
    [{ REDIS_URL: 'redis://127.0.0.1:1' }, /npx trpc-nen keygen --store/],
  ])('is unavailable with %o, and says why', async (environment, reason) => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(await checked()).toMatch(/^ISO-2003/);
    expect(await checked()).toMatch(reason);
  });

  it('uses Redis at REDIS_URL, with ioredis', async () => {
    redis = await startRedis();
    vi.stubEnv('REDIS_URL', redis.url);
    vi.stubEnv('NEN_STORE_KEYS', `${storeKey()},${storeKey()}`);
    expect(await checked()).toBe('ok');
    await redis.kill();
    expect(await checked()).toMatch(/^ISO-2003 Redis/);
  });

  it('loads ioredis again where it could not be loaded at first', async () => {
    redis = await startRedis();
    vi.stubEnv('REDIS_URL', redis.url);
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    vi.doMock('ioredis', () => {
      throw new Error('no such package yet');
    });
    expect(await checked()).toMatch(/^ISO-2003 .*npm install ioredis/);
    vi.doUnmock('ioredis');
    expect(await checked()).toBe('ok');
  });

  it('loads it before the time of the first command begins', async () => {
    redis = await startRedis();
    vi.stubEnv('REDIS_URL', redis.url);
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    vi.doMock('ioredis', async (original) => {
      await new Promise((resolve) => setTimeout(resolve, COMMAND_MS));
      return original();
    });
    onTestFinished(() => {
      vi.doUnmock('ioredis');
    });
    expect(await checked()).toBe('ok');
  });

  it('uses Upstash before Redis', async () => {
    redis = await startRedis();
    const front = await startUpstashFront(redis);
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    vi.stubEnv('UPSTASH_REDIS_REST_URL', front.url);
    vi.stubEnv('UPSTASH_REDIS_REST_TOKEN', front.token);
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    expect(await checked()).toBe('ok');
    expect(front.requests.length).toBeGreaterThan(0);
    await front.close();
  });
});

/** An application's own store that isn't local, here over a memory; keeps what it is given. */
class RemoteStore implements SessionStore {
  readonly memory = new InMemorySessionStore();
  readonly given: Bytes[] = [];
  epoch(sid: string): Promise<string> {
    return this.memory.epoch(sid);
  }
  create(sid: string, record: Bytes, ttlMs: number): Promise<void> {
    this.given.push(record.slice());
    return this.memory.create(sid, record, ttlMs);
  }
  read(sid: string): Promise<Bytes | undefined> {
    return this.memory.read(sid);
  }
  claim(...args: Parameters<SessionStore['claim']>): ReturnType<SessionStore['claim']> {
    return this.memory.claim(...args);
  }
  rotate(oldSid: string, newSid: string, record: Bytes, ttlMs: number): Promise<boolean> {
    this.given.push(record.slice());
    return this.memory.rotate(oldSid, newSid, record, ttlMs);
  }
  delete(sid: string): Promise<boolean> {
    return this.memory.delete(sid);
  }
}

/** What a handshake with a server over this store comes to, and the hints in its log. */
async function shakeHands(store: SessionStore): Promise<{ status: number; body: string; hints: string }> {
  const hints: string[] = [];
  const nen = createNen({
    store,
    onEvent: (event) => void (event.type === 'refused' && hints.push(`${event.code} ${event.hint}`)),
  });
  const { hello } = await startHandshake(mlKem768Suite(primitives()), 'https://nen.test');
  const answer = await nen.routes.POST(
    new Request('https://nen.test/api/nen/handshake', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: encodeClientHello(hello),
    }),
  );
  return { status: answer.status, body: await answer.text(), hints: hints.join('\n') };
}

const UNAVAILABLE = JSON.stringify({
  error: { code: 'ISO-2003', message: 'The session store is unavailable.' },
});

describe("createNen with the application's own store", () => {
  it('without keys: 503, the log names the command that makes one, and the store is given no record', async () => {
    const store = new RemoteStore();
    const { status, body, hints } = await shakeHands(store);
    expect([status, body]).toEqual([503, UNAVAILABLE]);
    expect(hints).toMatch(/^ISO-2003 no store keys: .*npx trpc-nen keygen --store/);
    expect(store.given).toEqual([]);
  });

  it('with keys: served, and no record comes to it in clear', async () => {
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    const store = new RemoteStore();
    const { status, body } = await shakeHands(store);
    expect(status).toBe(200);
    const [record] = store.given;
    const text = Buffer.from(record ?? []).toString('latin1');
    expect(store.given.length).toBe(1);
    // A record in clear holds both, and the sealed one neither.
    expect(text).not.toContain('https://nen.test');
    expect(text).not.toContain(JSON.parse(body).sid);
  });

  it.each([
    [''],
    ['two words'],
    ['run.id'],
    ['caf\u00e9'],
    ['padded='],
    ['line\n'],
    ['e'.repeat(65)],
    [undefined],
    [7],
  ])('whose epoch is %j: 503, and the log says what an epoch is', async (epoch) => {
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    const store = new RemoteStore();
    store.epoch = async () => epoch as string;
    const { status, body, hints } = await shakeHands(store);
    expect([status, body]).toEqual([503, UNAVAILABLE]);
    expect(hints).toBe(
      'ISO-2003 the session store gave an epoch that is none: 1 to 64 characters of A-Z, a-z, 0-9, - and _',
    );
    expect(store.given).toEqual([]);
  });

  it('whose epoch has 64 characters: served', async () => {
    vi.stubEnv('NEN_STORE_KEYS', storeKey());
    const store = new RemoteStore();
    store.epoch = async () => `_-${'e'.repeat(62)}`;
    expect((await shakeHands(store)).status).toBe(200);
  });
});
