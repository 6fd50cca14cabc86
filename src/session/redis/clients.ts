/**
 * The Redis clients, through the few methods of theirs that are used. They are told apart by those
 * methods and not by name: names don't survive bundlers. No client's own types appear here.
 */
import type { ScriptCall, ScriptRunner } from './script-store.ts';

/** ioredis or iovalkey: a single server, Sentinel or Cluster. */
export interface IoredisClient {
  call(command: string, args: (string | number)[]): Promise<unknown>;
  pipeline(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][] | null> };
}

/** node-redis (`redis`, `@redis/client`): a client, a pool, Sentinel or Cluster, connected by the application. */
export interface NodeRedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** valkey-glide: GlideClient or GlideClusterClient. */
export interface ValkeyGlideClient {
  customCommand(args: string[]): Promise<unknown>;
}

/** A client that is told by its shape. */
export type RedisClient = IoredisClient | NodeRedisClient | ValkeyGlideClient;

const SERVER = 'Redis';

function evalArgs({ script, keys, args }: ScriptCall): string[] {
  return [script, String(keys.length), ...keys, ...args];
}

export function ioredisRunner(client: IoredisClient): ScriptRunner {
  return {
    server: SERVER,
    run: (call) => client.call('eval', evalArgs(call)),
    // One pipeline: both go to the same node of a cluster, over the same connection, which is WAIT's condition.
    async runAndWait(call, replicas, waitMs) {
      const commands = [
        ['eval', ...evalArgs(call)],
        ['wait', replicas, waitMs],
      ];
      const [claim, wait] = (await client.pipeline(commands).exec()) ?? [];
      const error = claim?.[0] ?? wait?.[0];
      if (error) throw error;
      return [claim?.[1], wait?.[1]];
    },
  };
}

export function nodeRedisRunner(client: NodeRedisClient): ScriptRunner {
  return {
    server: SERVER,
    run: ({ script, keys, args }) => client.eval(script, { keys: [...keys], arguments: [...args] }),
  };
}

export function valkeyGlideRunner(client: ValkeyGlideClient): ScriptRunner {
  return { server: SERVER, run: (call) => client.customCommand(['EVAL', ...evalArgs(call)]) };
}

/** @throws {TypeError} for what is none of the known clients. */
export function runnerOf(client: RedisClient | ScriptRunner): ScriptRunner {
  if (has(client, 'run') && Reflect.has(client, 'server')) return client as ScriptRunner;
  if (has(client, 'call') && has(client, 'pipeline')) return ioredisRunner(client as IoredisClient);
  if (has(client, 'customCommand')) return valkeyGlideRunner(client as ValkeyGlideClient);
  if (has(client, 'eval') && has(client, 'sendCommand')) return nodeRedisRunner(client as NodeRedisClient);
  throw new TypeError(
    'RedisSessionStore: a client of ioredis, iovalkey, redis (node-redis) or valkey-glide; for another one use a factory, such as RedisSessionStore.fromIoredis',
  );
}

function has(client: unknown, method: string): boolean {
  return typeof client === 'object' && client !== null && typeof Reflect.get(client, method) === 'function';
}
