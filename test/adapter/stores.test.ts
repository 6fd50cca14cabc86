/** Which store a server uses: the option, else the environment, else memory; read at first use only. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNen, type NenEvent } from '../../src/adapter/server.ts';
import { randomBytes } from '../../src/crypto/random.ts';
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
beforeEach(() => {
  forget();
  for (const name of NAMES) vi.stubEnv(name, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  forget();
  await redis?.stop();
  redis = undefined;
});

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

  it('keeps sessions in memory, and warns of it once in production', async () => {
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
