/**
 * The built example with a shared store: two processes of it, told nothing but what the environment says,
 * serve each other's sessions.
 */
import { createTRPCClient } from '@trpc/client';
import type { AnyTRPCRouter } from '@trpc/server';
import superjson from 'superjson';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { base64Encode } from '../../src/crypto/bytes.ts';
import { randomBytes } from '../../src/crypto/random.ts';
import { nenLink } from '../../src/link/index.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { startUpstashFront } from '../support/upstash-front.ts';
import { type ExampleServer, startExample } from './support/example-server.ts';

/** The part of the example's router that this file calls. */
interface Calls {
  readonly clinic: { readonly onCall: { query(): Promise<{ extension: string }> } };
}

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

const servers: ExampleServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await redis.command('FLUSHALL');
});

async function example(environment: Readonly<Record<string, string>>): Promise<ExampleServer> {
  const started = await startExample(environment);
  servers.push(started);
  return started;
}

/** A client whose requests go to the servers in turn. */
function clientOf(running: readonly ExampleServer[]): Calls {
  const ports = running.map(({ port }) => port);
  let turn = 0;
  const client = createTRPCClient<AnyTRPCRouter>({
    links: [
      nenLink({
        url: `http://127.0.0.1:${ports[0]}/api/trpc`,
        transformer: superjson,
        fetch: (url, init) =>
          fetch(url.replace(`:${ports[0]}/`, `:${ports[turn++ % ports.length]}/`), init as RequestInit),
      }),
    ],
  });
  return client as unknown as Calls;
}

const keys = async (pattern: string): Promise<number> =>
  ((await redis.command('KEYS', pattern)) as string[]).length;

/** Three sealed calls over two servers: one session, and a claim for each call. */
async function expectShared(environment: Readonly<Record<string, string>>): Promise<void> {
  const running = await Promise.all([example(environment), example(environment)]);
  const client = clientOf(running);
  for (let i = 0; i < 3; i++) {
    await expect(client.clinic.onCall.query()).resolves.toHaveProperty('extension');
  }
  expect([await keys('nen:*:s'), await keys('nen:*:n:*')]).toEqual([1, 3]);
  for (const server of running) expect(server.log()).not.toMatch(/trpc-nen|ISO-/);
}

const storeKey = (): string => base64Encode(randomBytes(32));

test('REDIS_URL: two processes share sessions and claims', async () => {
  await expectShared({ REDIS_URL: redis.url, NEN_STORE_KEYS: storeKey() });
});

test('UPSTASH_REDIS_REST_URL and _TOKEN: two processes share sessions and claims', async () => {
  const front = await startUpstashFront(redis);
  const environment = { UPSTASH_REDIS_REST_URL: front.url, UPSTASH_REDIS_REST_TOKEN: front.token };
  await expectShared({ ...environment, NEN_STORE_KEYS: storeKey() });
  await front.close();
});

test('REDIS_URL without NEN_STORE_KEYS: calls are refused, and the log names the command that makes one', async () => {
  const server = await example({ REDIS_URL: redis.url, NEN_STORE_KEYS: '' });
  await expect(clientOf([server]).clinic.onCall.query()).rejects.toThrow(/session store is unavailable/);
  expect(server.log()).toContain('npx trpc-nen keygen --store');
  expect(await keys('*')).toBe(0);
});

test('neither: the process keeps its sessions in memory and says so', async () => {
  const unset = { REDIS_URL: '', UPSTASH_REDIS_REST_URL: '', UPSTASH_REDIS_REST_TOKEN: '' };
  const server = await example(unset);
  await expect(clientOf([server]).clinic.onCall.query()).resolves.toHaveProperty('extension');
  expect(server.log()).toContain('sessions are kept in the memory of this process');
});
