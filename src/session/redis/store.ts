/**
 * `RedisSessionStore`: sessions and replay claims in Redis or Valkey, for every process that shares it: a
 * single server, Sentinel or Cluster. One round trip for each warm request. What keeps them: scripts.ts.
 */
import {
  type IoredisClient,
  ioredisRunner,
  type NodeRedisClient,
  nodeRedisRunner,
  type RedisClient,
  runnerOf,
  type ValkeyGlideClient,
  valkeyGlideRunner,
} from './clients.ts';
import { type ScriptRunner, ScriptStore, type ScriptStoreOptions } from './script-store.ts';

/** The options of a store in Redis. */
export interface RedisSessionStoreOptions extends ScriptStoreOptions {
  /** Before every key. Default 'nen:'. */
  readonly keyPrefix?: string;
  /** How long a command may take, in milliseconds: then the answer is a 503. Default 500. */
  readonly commandTimeoutMs?: number;
  /**
   * How many replicas must acknowledge a claim (WAIT) before its request may run; with fewer it is a 503.
   * Default 0: a promotion is noticed by its new epoch, and the sessions from before it end. Clients of
   * ioredis and iovalkey only.
   */
  readonly replicas?: number;
}

const DEFAULT_TIMEOUT_MS = 500;

/** Sessions and claims in Redis. The client stays the application's: it connects, closes and watches it. */
export class RedisSessionStore extends ScriptStore {
  /**
   * @param client of ioredis, iovalkey, node-redis or valkey-glide; or anything else that runs a script.
   * @throws {TypeError} for another client, or an option that is given but wrong.
   */
  constructor(client: RedisClient | ScriptRunner, options: RedisSessionStoreOptions = {}) {
    super(runnerOf(client), resolve(options));
  }

  /**
   * ioredis or iovalkey: `new Redis(url)`, with `sentinels`, or `new Cluster(nodes)`.
   * @throws {TypeError} for an option that is given but wrong.
   */
  static fromIoredis(client: IoredisClient, options?: RedisSessionStoreOptions): RedisSessionStore {
    return new RedisSessionStore(ioredisRunner(client), options);
  }

  /**
   * node-redis: createClient, createClientPool, createSentinel or createCluster.
   * @throws {TypeError} for an option that is given but wrong, `replicas` among them.
   */
  static fromNodeRedis(client: NodeRedisClient, options?: RedisSessionStoreOptions): RedisSessionStore {
    return new RedisSessionStore(nodeRedisRunner(client), options);
  }

  /**
   * valkey-glide: GlideClient or GlideClusterClient.
   * @throws {TypeError} for an option that is given but wrong, `replicas` among them.
   */
  static fromValkeyGlide(client: ValkeyGlideClient, options?: RedisSessionStoreOptions): RedisSessionStore {
    return new RedisSessionStore(valkeyGlideRunner(client), options);
  }
}

function resolve({
  keyPrefix = 'nen:',
  commandTimeoutMs = DEFAULT_TIMEOUT_MS,
  replicas = 0,
}: RedisSessionStoreOptions) {
  return { keyPrefix, commandTimeoutMs, replicas };
}
