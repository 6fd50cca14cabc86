/**
 * Client, nginx, server and Redis as an operation has them, each a process of its own, with a tap on every way
 * between two of them. What they leave behind are the captures.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROVIDER_KEY, startProvider } from '../ai/support/provider.ts';
import { type Bundled, bundleForNode } from '../support/bundle.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { type Tap, tap } from '../trpc/support/tap.ts';
import { type Child, startChild } from './child.ts';
import type { Configuration } from './configurations.ts';

export interface Stage {
  readonly client: Child;
  readonly server: Child;
  readonly nginx: Nginx;
  readonly redis: RedisProcess;
  readonly taps: { readonly client: Tap; readonly server: Tap; readonly redis: Tap };
  /** What MONITOR showed. */
  monitored(): Buffer;
  /** For heap snapshots. */
  readonly folder: string;
  close(): Promise<void>;
}

export interface Programs {
  readonly client: Bundled;
  readonly server: Bundled;
}

export async function bundlePrograms(): Promise<Programs> {
  const [client, server] = await Promise.all([
    bundleForNode(new URL('client-process.ts', import.meta.url), { installed: true }),
    bundleForNode(new URL('server-process.ts', import.meta.url), { installed: true }),
  ]);
  return { client, server };
}

const REDIS_CONFIG = {
  appendonly: 'yes',
  appendfsync: 'always',
  // A compressed string is the same secret, and not found.
  rdbcompression: 'no',
};

/** A log as operators write it when they look for a fault: everything that has a variable. */
const HEADERS = [
  ...['host', 'user_agent', 'referer', 'cookie', 'authorization', 'content_type', 'accept', 'x_note'],
  ...['x_answer', 'x_planted', 'x_nen_session', 'x_nen_timestamp', 'x_nen_nonce', 'x_nen_signature'],
  ...['x_nen_retry', 'x_nen_tag'],
].map((name) => `$http_${name} $sent_http_${name} $upstream_http_${name}`);
const HTTP = `log_format all '$request $request_uri $args $status ${HEADERS.join(' ')} $request_body';`;
/** What it takes of a body it also keeps in a file. */
const SERVER = `
  access_log all.log all;
  error_log debug.log debug;
  client_body_in_file_only on;
  client_max_body_size 200k;
  location /dead/ { proxy_pass http://127.0.0.1:1; }
`;

export async function openStage(programs: Programs, configuration: Configuration): Promise<Stage> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  const closing = <Part>(part: Part, closer: (part: Part) => unknown): Part => {
    closers.push(() => closer(part));
    return part;
  };
  try {
    const folder = closing(mkdtempSync(join(tmpdir(), 'nen-leaks-')), (path) =>
      rmSync(path, { recursive: true, force: true }),
    );
    const redis = closing(await startRedis({ config: REDIS_CONFIG }), (one) => one.stop());
    const { redisPassword } = configuration;
    await redis.command('ACL', 'SETUSER', 'app', 'on', `>${redisPassword}`, '~*', '&*', '+@all');
    const monitor = closing(await startMonitor(redis), (one) => one.stop());
    const redisTap = closing(await tap(redis.url), (one) => one.close());
    const provider = closing(await startProvider(), (one) => one.close());

    const place = {
      providerUrl: provider.url,
      providerKey: PROVIDER_KEY,
      redisUrl: redisTap.url.replace('http://', `redis://app:${redisPassword}@`),
    };
    const environment = await configuration.serverEnvironment(place);
    const server = closing(await startChild(programs.server.file, environment), (one) => one.stop());
    const serverTap = closing(await tap(`http://127.0.0.1:${String(server.started)}`), (one) => one.close());
    const upstreams = [Number(new URL(serverTap.url).port)];
    const nginx = closing(await startNginx({ upstreams, http: HTTP, server: SERVER }), (one) => one.stop());
    const clientTap = closing(await tap(nginx.url), (one) => one.close());
    const clientEnvironment = await configuration.clientEnvironment({ ...place, url: clientTap.url });
    const client = closing(await startChild(programs.client.file, clientEnvironment), (one) => one.stop());
    const taps = { client: clientTap, server: serverTap, redis: redisTap };
    return { client, server, nginx, redis, taps, monitored: monitor.seen, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** On a bare connection: what it shows is kept byte by byte. */
async function startMonitor({ host, port }: RedisProcess) {
  const chunks: Buffer[] = [];
  const socket = connect(port, host);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', () => resolve());
    socket.write('MONITOR\r\n');
  });
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  return { seen: () => Buffer.concat(chunks), stop: () => socket.destroy() };
}
