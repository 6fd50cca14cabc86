/** The contract, on every shared store and through every client, over real servers. */
import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import { Cluster, Redis } from 'ioredis';
import { Redis as Iovalkey } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { RedisSessionStore, UpstashSessionStore } from '../../src/session/index.ts';
import { KeyRing } from '../../src/session/key-ring.ts';
import { SealedSessionStore } from '../../src/session/sealed-store.ts';
import { testSessionStore } from '../../src/session/testing.ts';
import {
  type RedisCluster,
  type RedisProcess,
  replicate,
  startCluster,
  startRedis,
} from '../support/redis.ts';
import { startSentinel } from '../support/sentinel.ts';
import { startUpstashFront, type UpstashFront } from '../support/upstash-front.ts';

/** Those that wait run at once: a longer time costs little, and a stall on a busy machine is shorter than it. */
const TIMES = { shortMs: 1200 };
/** The suites run at once on one server, and a few of their names are fixed. */
let suites = 0;
const patient = () => ({ commandTimeoutMs: 15_000, keyPrefix: `suite-${suites++}:` });

describe.concurrent('a single server', () => {
  let redis: RedisProcess;
  let front: UpstashFront;
  const closers: (() => unknown)[] = [];
  beforeAll(async () => {
    redis = await startRedis();
    front = await startUpstashFront(redis);
  });
  afterAll(async () => {
    for (const close of closers) await close();
    await front.close();
    await redis.stop();
  });
  /** One connection for all tests of a client. */
  const shared = <Client>(make: () => Client | Promise<Client>, close: (client: Client) => unknown) => {
    let made: Promise<Client> | undefined;
    return (): Promise<Client> => {
      made ??= (async () => {
        const client = await make();
        closers.push(() => close(client));
        return client;
      })();
      return made;
    };
  };

  describe.concurrent('ioredis', () => {
    const client = shared(
      () => new Redis(redis.url),
      (c) => c.disconnect(),
    );
    testSessionStore(
      { test },
      { create: async () => new RedisSessionStore(await client(), patient()), ...TIMES },
    );
  });
  describe.concurrent('ioredis, records sealed', () => {
    const client = shared(
      () => new Redis(redis.url),
      (c) => c.disconnect(),
    );
    const ring = new KeyRing([Buffer.alloc(32, 7).toString('base64')]);
    const create = async () =>
      new SealedSessionStore(new RedisSessionStore(await client(), patient()), () => ring);
    testSessionStore({ test }, { create, ...TIMES });
  });
  describe.concurrent('ioredis with RESP2 and a key prefix of its own', () => {
    const client = shared(
      () => new Redis(redis.url, { keyPrefix: 'app:', protocol: 2 }),
      (c) => c.disconnect(),
    );
    const create = async () => new RedisSessionStore(await client(), patient());
    testSessionStore({ test }, { create, ...TIMES });
  });
  describe.concurrent('iovalkey', () => {
    const client = shared(
      () => new Iovalkey(redis.url),
      (c) => c.disconnect(),
    );
    testSessionStore(
      { test },
      { create: async () => new RedisSessionStore(await client(), patient()), ...TIMES },
    );
  });
  describe.concurrent('node-redis', () => {
    const client = shared(
      () => createClient({ url: redis.url }).connect(),
      (c) => c.destroy(),
    );
    testSessionStore(
      { test },
      { create: async () => new RedisSessionStore(await client(), patient()), ...TIMES },
    );
  });
  describe.concurrent('valkey-glide', () => {
    const addresses = () => [{ host: redis.host, port: redis.port }];
    const client = shared(
      () => GlideClient.createClient({ addresses: addresses() }),
      (c) => c.close(),
    );
    testSessionStore(
      { test },
      { create: async () => new RedisSessionStore(await client(), patient()), ...TIMES },
    );
  });
  describe.concurrent('Upstash', () => {
    const create = () => new UpstashSessionStore(front.url, front.token, patient());
    testSessionStore({ test }, { create, ...TIMES });
  });
});

describe.concurrent('a cluster of three masters and three replicas', () => {
  let cluster: RedisCluster;
  let ioredis: Cluster;
  let nodeRedis: ReturnType<typeof connectCluster> extends Promise<infer Client> ? Client : never;
  let glide: GlideClusterClient;
  const connectCluster = (url: string) => createCluster({ rootNodes: [{ url }] }).connect();
  beforeAll(async () => {
    cluster = await startCluster();
    const [{ host, port, url }] = cluster.nodes as [RedisProcess];
    // Reads from replicas on purpose: the store must not have any.
    ioredis = new Cluster([{ host, port }], { scaleReads: 'slave' });
    nodeRedis = await connectCluster(url);
    glide = await GlideClusterClient.createClient({ addresses: [{ host, port }], readFrom: 'preferReplica' });
  }, 60_000);
  afterAll(async () => {
    ioredis?.disconnect();
    nodeRedis?.destroy();
    glide?.close();
    await cluster?.stop();
  });
  describe.concurrent('ioredis', () => {
    testSessionStore({ test }, { create: () => new RedisSessionStore(ioredis, patient()), ...TIMES });
  });
  describe.concurrent('ioredis, one replica acknowledges each claim', () => {
    const create = () => new RedisSessionStore(ioredis, { ...patient(), replicas: 1 });
    testSessionStore({ test }, { create, ...TIMES, shortMs: 800 });
  });
  describe.concurrent('node-redis', () => {
    testSessionStore({ test }, { create: () => new RedisSessionStore(nodeRedis, patient()), ...TIMES });
  });
  describe.concurrent('valkey-glide', () => {
    testSessionStore({ test }, { create: () => new RedisSessionStore(glide, patient()), ...TIMES });
  });
});

describe.concurrent('Sentinel', () => {
  let master: RedisProcess;
  let replica: RedisProcess;
  let sentinel: RedisProcess;
  let client: Redis;
  beforeAll(async () => {
    [master, replica] = await Promise.all([startRedis(), startRedis()]);
    await replicate(replica, master);
    sentinel = await startSentinel(master);
    client = new Redis({ sentinels: [{ host: sentinel.host, port: sentinel.port }], name: 'nen' });
  }, 60_000);
  afterAll(async () => {
    client?.disconnect();
    await Promise.all([sentinel, replica, master].map((one) => one?.stop()));
  });
  describe.concurrent('ioredis', () => {
    testSessionStore({ test }, { create: () => new RedisSessionStore(client, patient()), ...TIMES });
  });
});
