/** A Redis that refuses, freezes, loses replies or forgets its place (rows 91 to 93, 96, 98, 99, 104). */
import { Cluster, Redis } from 'ioredis';
import { createClient } from 'redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RedisSessionStore, type RedisSessionStoreOptions } from '../../src/session/index.ts';
import { freePort } from '../support/ports.ts';
import { type RedisProcess, startCluster, startRedis } from '../support/redis.ts';
import { startProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { type Instance, openSession, plainCode, send, startInstance } from './stage.ts';

async function redis(): Promise<RedisProcess> {
  const started = await startRedis();
  onTestFinished(() => started.stop());
  return started;
}

function connect(port: number, maxRetriesPerRequest = 20): Redis {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

async function instance(
  client: ConstructorParameters<typeof RedisSessionStore>[0],
  options?: RedisSessionStoreOptions,
): Promise<Instance> {
  const started = await startInstance({ store: new RedisSessionStore(client, options) });
  onTestFinished(() => started.close());
  return started;
}

async function timed<Value>(run: () => Promise<Value>): Promise<[Value, number]> {
  const from = performance.now();
  return [await run(), performance.now() - from];
}

/**
 * What a machine that is busy with other tests may add to the store's 500 ms; a client that kept the command would
 * take longer. The figure itself: npm run test:faults.
 */
const OVERHEAD_MS = 4500;

describe('row 91: Redis refuses connections', () => {
  test.each([
    ['ioredis as it comes', async (port: number) => connect(port)],
    [
      'node-redis, still connecting',
      async (port: number) => {
        const client = createClient({ socket: { port, reconnectStrategy: 20 } });
        client.on('error', () => undefined);
        client.connect().catch(() => undefined);
        onTestFinished(() => client.destroy());
        return client;
      },
    ],
  ])('%s: 503 within the time of a command, and nothing runs', async (_, client) => {
    const app = await instance(await client(await freePort()));
    const [answer, ms] = await timed(() => fetch(`${app.url}/api/nen/handshake`, handshake()));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      error: { code: 'ISO-2003', message: 'The session store is unavailable.' },
    });
    expect(ms).toBeLessThan(500 + OVERHEAD_MS);
    expect(app.ran).toEqual([]);
    expect(app.hints('ISO-2003').join()).not.toMatch(/eval|redis\.call|nen:/i);
  });
});

const handshake = () => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    v: 2,
    suite: 'ML-KEM-768',
    aud: 'https://victim.example',
    pk: Buffer.alloc(1184).toString('base64'),
  }),
});

test('row 92: a frozen Redis is a 503 in time, and nothing runs late once it thaws', async () => {
  const at = await redis();
  const app = await instance(connect(at.port));
  const session = await openSession(app);
  expect(plainCode(await send(app, await session.seal()))).toBe('');
  at.freeze();
  onTestFinished(() => at.thaw());
  const calls = await Promise.all(Array.from({ length: 20 }, (_, i) => session.seal({ payload: `"${i}"` })));
  const answers = await Promise.all(calls.map((call) => timed(() => send(app, call))));
  for (const [answer, ms] of answers) {
    expect(plainCode(answer)).toBe('ISO-2003');
    expect(ms).toBeLessThan(500 + OVERHEAD_MS);
  }
  at.thaw();
  await until('a call runs again', async () => plainCode(await send(app, await session.seal())) === '');
  // The frozen claims were made after all: their requests are spent, and none of them ever runs.
  for (const call of calls) expect(plainCode(await send(app, call))).toBe('ISO-5001');
  expect(new Set(app.ran)).toEqual(new Set(['{"honest":true}']));
});

test('row 93: a claim whose reply is lost is sent again by the client and is no replay; a copy is', async () => {
  const at = await redis();
  const proxy = await startProxy(at.port);
  onTestFinished(() => proxy.close());
  const app = await instance(connect(proxy.port), { commandTimeoutMs: 5000 });
  const session = await openSession(app);
  expect(plainCode(await send(app, await session.seal()))).toBe('');
  for (let i = 0; i < 20; i++) {
    const call = await session.seal({ payload: `"${i}"` });
    proxy.swallowReplies();
    const sentBefore = proxy.sent;
    const answer = send(app, call);
    await until('the claim is in Redis', async () => {
      const key = `nen:{${session.sid}}:n:${call.sealed.nonce}`;
      return proxy.sent > sentBefore && (await at.command('EXISTS', key)) === 1;
    });
    proxy.behave();
    proxy.reset();
    expect(plainCode(await answer)).toBe('');
    expect(plainCode(await send(app, call))).toBe('ISO-5001');
  }
  expect(app.ran.length).toBe(1 + 20);
});

test('rows 99 and 104: a session that ends between look-up and claim is gone, and nothing runs; others live on', async () => {
  const at = await redis();
  const app = await instance(connect(at.port));
  const [session, other] = [await openSession(app), await openSession(app)];
  expect(plainCode(await send(app, await session.seal({ payload: '"warm"' })))).toBe('');
  // This instance has it opened; Redis has dropped it.
  await at.command('DEL', `nen:{${session.sid}}:s`);
  const call = await session.seal({ payload: '"late"' });
  expect(plainCode(await send(app, call))).toBe('ISO-2002');
  expect(app.ran).toEqual(['"warm"']);
  expect(await at.command('EXISTS', `nen:{${session.sid}}:n:${call.sealed.nonce}`)).toBe(0);
  expect(plainCode(await send(app, await other.seal()))).toBe('');
  expect(plainCode(await send(app, await (await openSession(app)).seal()))).toBe('');
});

describe('a cluster', () => {
  test('rows 96 and 98: a slot that moves ends its sessions once, and replicas are never asked', {
    timeout: 60_000,
  }, async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const [from, to] = cluster.masters as [RedisProcess, RedisProcess];
    const client = new Cluster([{ host: from.host, port: from.port }], {
      scaleReads: 'slave',
      retryDelayOnMoved: 20,
    });
    onTestFinished(() => client.disconnect());
    const app = await instance(client, { commandTimeoutMs: 2000 });
    // A session on the first master, whose slots are the lowest third.
    const session = await until('a session on the first master', async () => {
      const drawn = await openSession(app);
      return Number(await from.command('CLUSTER', 'KEYSLOT', drawn.sid)) < 5000 && drawn;
    });
    const slot = Number(await from.command('CLUSTER', 'KEYSLOT', session.sid));
    const call = await session.seal({ payload: '"pay"' });
    expect(plainCode(await send(app, call))).toBe('');

    // Replicas that have stopped following would answer from the past: nobody asks them.
    for (const replica of cluster.replicas) replica.freeze();
    expect(plainCode(await send(app, call))).toBe('ISO-5001');
    for (const replica of cluster.replicas) replica.thaw();

    const [fromId, toId] = [
      String(await from.command('CLUSTER', 'MYID')),
      String(await to.command('CLUSTER', 'MYID')),
    ];
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    // Midway: the keys are still here, a new nonce's key is not, and the pair of them may be asked for again.
    expect(plainCode(await send(app, call))).toMatch(/ISO-5001|ISO-2003/);
    for (;;) {
      const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
      if (keys.length === 0) break;
      await from.command('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', ...keys);
    }
    for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    const code = await until('the slot has its new place', async () => {
      const answer = plainCode(await send(app, call));
      return answer === 'ISO-2003' ? undefined : answer;
    });
    expect(code).toBe('ISO-2002');
    expect(app.ran.filter((body) => body === '"pay"').length).toBe(1);
    const fresh = await openSession(app);
    expect(plainCode(await send(app, await fresh.seal()))).toBe('');
  });
});
