/**
 * Which store a server uses, and under which keys its records are sealed: the options decide, else the
 * environment (UPSTASH_REDIS_REST_URL and _TOKEN, REDIS_URL, NEN_STORE_KEYS), else this process's memory.
 * The environment is read at first use and never at import: a build imports routes without secrets, and
 * what is wrong or missing there answers 503 with the reason in the log.
 */
import type { Redis } from 'ioredis';
import { loadOnce } from '../crypto/load-once.ts';
import { KeyRing, type StoreKey } from '../session/key-ring.ts';
import { InMemorySessionStore } from '../session/memory.ts';
import { RedisSessionStore } from '../session/redis/store.ts';
import { UpstashSessionStore } from '../session/redis/upstash.ts';
import { SealedSessionStore } from '../session/sealed-store.ts';
import { SessionStoreError } from '../session/store-error.ts';
import type { SessionStore } from '../session/types.ts';
import { environment } from './environment.ts';
import { processStore } from './process-store.ts';

export interface StoreOptions {
  readonly store?: SessionStore | undefined;
  readonly storeKeys?: readonly StoreKey[] | undefined;
}

/**
 * The store as it is to be asked. Records stay as they are in the process and are sealed everywhere else.
 * @throws {TypeError} for store keys that are given but wrong.
 */
export function resolveStore({ store, storeKeys }: StoreOptions): SessionStore {
  const given = storeKeys === undefined ? undefined : new KeyRing(storeKeys);
  const ring = once(() => given ?? environmentRing());
  const seal = (bare: SessionStore): SessionStore =>
    bare.local === true ? bare : new SealedSessionStore(bare, ring);
  return store === undefined ? lazyStore(once(() => seal(processStore(environmentStore)))) : seal(store);
}

function environmentStore(): SessionStore {
  const url = environment('UPSTASH_REDIS_REST_URL');
  const token = environment('UPSTASH_REDIS_REST_TOKEN');
  if (url !== undefined || token !== undefined) return upstashStore(url, token);
  const redisUrl = environment('REDIS_URL');
  if (redisUrl !== undefined) return redisStore(redisUrl);
  if (environment('NODE_ENV') === 'production') {
    console.warn(
      'trpc-nen: sessions are kept in the memory of this process; with a second instance, or on serverless, set REDIS_URL or UPSTASH_REDIS_REST_URL, or pass a store to createNen',
    );
  }
  return new InMemorySessionStore();
}

function upstashStore(url: string | undefined, token: string | undefined): SessionStore {
  try {
    return new UpstashSessionStore(url ?? '', token ?? '');
  } catch {
    throw new SessionStoreError('UPSTASH_REDIS_REST_URL or UPSTASH_REDIS_REST_TOKEN is missing or malformed');
  }
}

/** ioredis, imported before the first command: a cold process on a busy machine needs its whole time for the rest. */
function redisStore(url: string): SessionStore {
  const connect = loadOnce(async () => {
    const ioredis = await importIoredis();
    const client = new ioredis.Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: true });
    // Each command's failure is answered for; without a listener ioredis prints every attempt to reconnect.
    client.on('error', () => undefined);
    return RedisSessionStore.fromIoredis(client);
  });
  return lazyStore(connect);
}

/** The comments leave the import to the runtime: a bundler would fail where the optional ioredis isn't installed. */
async function importIoredis(): Promise<{ readonly Redis: typeof Redis }> {
  try {
    return await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'ioredis');
  } catch {
    throw new SessionStoreError('REDIS_URL is set, but ioredis is not installed: npm install ioredis');
  }
}

function environmentRing(): KeyRing {
  const keys = environment('NEN_STORE_KEYS');
  if (keys === undefined) {
    throw new SessionStoreError(
      'no store keys: session records are sealed outside of this process. Run `npx trpc-nen keygen --store` and set NEN_STORE_KEYS',
    );
  }
  try {
    return new KeyRing(keys.split(',').map((key) => key.trim()));
  } catch {
    throw new SessionStoreError(
      'NEN_STORE_KEYS is malformed: 32-byte keys as base64, separated by commas, as `npx trpc-nen keygen --store` prints them',
    );
  }
}

/** What `make` gave, or makes it. A failure is not kept: the next call tries again. */
function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** A store that is chosen when it is first asked. */
function lazyStore(store: () => SessionStore | Promise<SessionStore>): SessionStore {
  return {
    epoch: async (sid) => (await store()).epoch(sid),
    create: async (sid, record, ttlMs) => (await store()).create(sid, record, ttlMs),
    read: async (sid) => (await store()).read(sid),
    claim: async (sid, nonce, attempt, options) => (await store()).claim(sid, nonce, attempt, options),
    rotate: async (oldSid, newSid, record, ttlMs) => (await store()).rotate(oldSid, newSid, record, ttlMs),
    delete: async (sid) => (await store()).delete(sid),
  };
}
