/**
 * Real Redis servers for tests: child processes on free loopback ports, in folders of their own, ended by
 * their process id. Single servers, replicas, Sentinel and Cluster are put together from these.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const HOST = '127.0.0.1';

export interface RedisProcess {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  /** One command over a connection of its own. */
  command(...args: (string | number)[]): Promise<unknown>;
  /** Ends it at once, as a crash does. Its folder stays. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, on the same port, with what its folder holds. */
  start(): Promise<void>;
  /** It stops answering, with every connection open. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** REDIS_SERVER, else the one in PATH. @throws with the line that installs one. */
function redisServer(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const places = process.env.REDIS_SERVER
    ? [process.env.REDIS_SERVER]
    : folders.map((folder) => join(folder, 'redis-server'));
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Error('these tests need redis-server: sudo apt-get install -y redis-server, or set REDIS_SERVER');
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface StartOptions {
  /** Settings as in redis.conf. */
  readonly config?: Readonly<Record<string, string | number>>;
  readonly sentinel?: string;
}

/** Starts a server that keeps nothing on disk, unless told otherwise. */
export async function startRedis({ config = {}, sentinel }: StartOptions = {}): Promise<RedisProcess> {
  const program = redisServer();
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'nen-redis-'));
  const settings = {
    port,
    bind: HOST,
    dir: folder,
    save: '""',
    appendonly: 'no',
    'enable-debug-command': 'local',
    'repl-diskless-sync-delay': 0,
    ...config,
  };
  const lines = Object.entries(settings)
    .filter(([name]) => sentinel === undefined || ['port', 'bind', 'dir'].includes(name))
    .map(([name, value]) => `${name} ${value}`);
  const file = join(folder, 'redis.conf');
  writeFileSync(file, `${lines.join('\n')}\n${sentinel ?? ''}`);
  let child: ChildProcess | undefined;

  const command = async (...args: (string | number)[]): Promise<unknown> => {
    const [name = 'PING', ...rest] = args.map(String);
    const client = new Redis(port, HOST, {
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(name, rest);
    } finally {
      client.disconnect();
    }
  };
  const start = async (): Promise<void> => {
    const started = spawn(program, [file, ...(sentinel === undefined ? [] : ['--sentinel'])], {
      stdio: 'ignore',
    });
    child = started;
    running.add(started);
    started.once('exit', () => running.delete(started));
    await until('redis-server answers', async () => {
      if (started.exitCode !== null) throw new Error(`redis-server ended with ${started.exitCode}`);
      return (await command('PING')) === 'PONG';
    });
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await gone;
  };
  await start();
  return {
    host: HOST,
    port,
    url: `redis://${HOST}:${port}`,
    folder,
    command,
    start,
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    stop: async () => {
      await end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Makes one server the replica of another, and waits until both sides say that it follows. The master says so
 * later, with the replica's first acknowledgement, up to a second on: until then WAIT counts it out.
 */
export async function replicate(
  replica: RedisProcess,
  master: RedisProcess,
  port = master.port,
): Promise<void> {
  await replica.command('REPLICAOF', HOST, port);
  await until('the replica is in step', async () => {
    const info = String(await replica.command('INFO', 'replication'));
    return /master_link_status:up/.test(info) && /master_sync_in_progress:0/.test(info);
  });
  await until('the master counts the replica in', async () =>
    String(await master.command('INFO', 'replication')).includes(`port=${replica.port},state=online`),
  );
}

export interface RedisCluster {
  readonly nodes: readonly RedisProcess[];
  /** The three that were masters at first, in the order of their slots. */
  readonly masters: readonly RedisProcess[];
  /** The replica of each master. */
  readonly replicas: readonly RedisProcess[];
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const MASTERS = 3;

/** Three masters with a replica each, which fail over a second after a master has gone. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: MASTERS * 2 }, async () =>
      startRedis({
        config: {
          'cluster-enabled': 'yes',
          'cluster-node-timeout': 1000,
          'cluster-port': await freePort(),
          'cluster-replica-validity-factor': 0,
        },
      }),
    ),
  );
  const busPort = async (node: RedisProcess): Promise<string> =>
    String(((await node.command('CONFIG', 'GET', 'cluster-port')) as string[])[1]);
  const masters = nodes.slice(0, MASTERS);
  const replicas = nodes.slice(MASTERS);
  for (const [i, node] of nodes.entries()) await node.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  for (const [i, master] of masters.entries()) {
    const [from, to] = [i, i + 1].map((at) => Math.round((at * SLOTS) / MASTERS));
    await master.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(Number(to) - 1));
  }
  const [first, ...others] = nodes;
  for (const node of others) await first?.command('CLUSTER', 'MEET', HOST, node.port, await busPort(node));
  await until('all nodes know each other', async () => {
    for (const node of nodes) {
      if (!/cluster_known_nodes:6/.test(String(await node.command('CLUSTER', 'INFO')))) return false;
    }
    return true;
  });
  for (const [i, replica] of replicas.entries()) {
    const id = String(await masters[i]?.command('CLUSTER', 'MYID'));
    await until(
      'the replica follows',
      async () => (await replica.command('CLUSTER', 'REPLICATE', id)) === 'OK',
    );
  }
  await until('the cluster serves', async () => {
    for (const node of nodes) {
      if (!/cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO')))) return false;
    }
    for (const replica of replicas) {
      if (!/master_link_status:up/.test(String(await replica.command('INFO', 'replication')))) return false;
    }
    return true;
  });
  return {
    nodes,
    masters,
    replicas,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
