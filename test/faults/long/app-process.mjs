/**
 * One instance of an application as a process of its own, on the built package: echoes what is POSTed to
 * /api/echo/x and writes each body into a file as it begins to run, which outlives a kill -9.
 * The same echo, not sealed, is at /plain. To 'cpu' it answers with the time that it has had of the processor.
 * Its settings are one JSON object in NEN_FAULT_APP.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Cluster, Redis } from 'ioredis';
import { createNen, toNodeHandler } from 'trpc-nen/server';
import { InMemorySessionStore, RedisSessionStore } from 'trpc-nen/session';

/** @type {{ port: number, log: string, storeKey: string, cluster?: number[], redis?: number, replicas?: number }} */
const settings = JSON.parse(process.env.NEN_FAULT_APP ?? '');

const quick = { maxRetriesPerRequest: 2, retryStrategy: () => 50 };

function connect() {
  if (settings.cluster !== undefined) {
    const nodes = settings.cluster.map((port) => ({ host: '127.0.0.1', port }));
    const client = new Cluster(nodes, {
      redisOptions: { maxRetriesPerRequest: 2, connectTimeout: 400 },
      clusterRetryStrategy: () => 50,
      retryDelayOnFailover: 50,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: 400,
      slotsRefreshInterval: 1000,
    });
    return client.on('error', () => undefined);
  }
  return new Redis(settings.redis ?? 0, '127.0.0.1', quick).on('error', () => undefined);
}

const shared = settings.cluster !== undefined || settings.redis !== undefined;
const store = shared
  ? new RedisSessionStore(connect(), { replicas: settings.replicas ?? 0 })
  : new InMemorySessionStore();
const nen = createNen({
  store,
  storeKeys: [settings.storeKey],
  rateLimit: () => 0,
  onEvent: () => undefined,
});
/** @param {Request} req */
async function echo(req) {
  const body = await req.text();
  if (settings.log !== '') {
    appendFileSync(settings.log, `${body}\n`);
    // Time in which a kill finds a call that has begun and isn't answered.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return new Response(body, { headers: { 'Content-Type': 'application/json' } });
}
const sealed = nen.wrap(echo);

/** @param {string} path */
function handlerOf(path) {
  if (path.startsWith('/api/nen/')) return nen.routes.POST;
  return path === '/plain' ? echo : sealed;
}

const server = createServer((req, res) => {
  toNodeHandler(handlerOf(req.url ?? ''))(req, res);
});
server.listen(settings.port, '127.0.0.1', () => process.send?.('listening'));
process.on('message', () => process.send?.(process.cpuUsage()));
// It lives no longer than the test that started it.
process.on('disconnect', () => process.exit());
