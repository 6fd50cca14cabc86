/**
 * T15: how many calls one process serves over memory and over Redis, beside the same calls in clear in the same
 * run. Client and Redis are on the same processor, so the time that each had of it is told too: it says more
 * than the rate where others share the machine.
 */
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisProcess, startRedis } from '../../support/redis.ts';
import { type App, startApps } from './apps.ts';
import { httpTransport } from './http-transport.ts';
import { judge, startLoad } from './load.ts';
import { report } from './report.ts';
import { lasting } from './share.ts';

const CONNECTIONS = 64;
const CLIENTS = 8;
const BODY = 'x'.repeat(1000);
const WARM_UP_MS = 2000;
const MEASURED_MS = 20_000;

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis?.stop());

interface Measured {
  readonly perSecond: number;
  /** Of the processor, in microseconds per call. */
  readonly serverUs: number;
  readonly clientUs: number;
  readonly redisUs: number;
  readonly p99Ms: number;
  readonly calls: number;
  readonly failed: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The time of the processor so far, in microseconds: of the server, of this process, of Redis. */
async function processorTimes(app: App): Promise<number[]> {
  const { user, system } = process.cpuUsage();
  const info = String(await redis.command('INFO', 'cpu'));
  const ofRedis = ['used_cpu_user', 'used_cpu_sys'].map(
    (name) => 1e6 * Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]),
  );
  return [await app.cpuMicroseconds(), user + system, ofRedis.reduce((a, b) => a + b)];
}

async function measure(kind: 'memory' | 'Redis', sealed: boolean): Promise<Measured> {
  const apps = await startApps(1, { ...(kind === 'Redis' && { redis: redis.port }), logs: false });
  const way = httpTransport(CONNECTIONS);
  try {
    const [app] = apps.apps as [App];
    const { url } = app;
    const calls = CONNECTIONS / CLIENTS;
    const load = startLoad({ url, transport: way.transport, clients: CLIENTS, calls, filler: BODY, sealed });
    await pause(lasting(WARM_UP_MS));
    const [from, before, start] = [load.fates.length, await processorTimes(app), performance.now()];
    await pause(lasting(MEASURED_MS));
    const [to, after, end] = [load.fates.length, await processorTimes(app), performance.now()];
    await load.stop();
    const measured = load.fates.slice(from, to);
    const ran = measured.filter(({ outcome }) => outcome === 'ran').map(({ name }) => JSON.stringify(name));
    const verdict = judge(measured, ran);
    const each = after.map((time, i) => (time - (before[i] ?? 0)) / measured.length);
    const [serverUs = 0, clientUs = 0, redisUs = 0] = each;
    return {
      perSecond: measured.length / ((end - start) / 1000),
      serverUs,
      clientUs,
      redisUs,
      p99Ms: verdict.p99Ms,
      calls: verdict.calls,
      failed: verdict.calls - verdict.ok,
    };
  } finally {
    way.close();
    await apps.stop();
  }
}

function tell({ perSecond, serverUs, clientUs, redisUs, p99Ms, calls, failed }: Measured): string {
  const each = [`server ${Math.round(serverUs)}`, `client ${Math.round(clientUs)}`];
  if (redisUs >= 1) each.push(`Redis ${Math.round(redisUs)}`);
  return `${Math.round(perSecond)} calls/s, p99 ${p99Ms} ms, ${failed} of ${calls} failed; of the processor for each: ${each.join(', ')} us`;
}

test('T15: throughput of one process over memory and over Redis, 64 connections, 1 KiB', async () => {
  const plain = await measure('memory', false);
  const results = {
    memory: await measure('memory', true),
    Redis: await measure('Redis', true),
  };
  const done = `one process, ${CONNECTIONS} connections, 1 KiB each way, client on the same ${cpus().length} processors`;
  report({ target: 'T15', done: `${done}: in clear`, aim: 'to compare', figures: tell(plain) });
  for (const [kind, aim] of [
    ['memory', '4000 calls/s, p99 60 ms, 0 wrong'],
    ['Redis', '2500 calls/s, p99 150 ms, 0 wrong'],
  ] as const) {
    const sealed = results[kind];
    const rate = (sealed.perSecond / plain.perSecond).toFixed(2);
    report({
      target: 'T15',
      done: `${done}: sealed, ${kind}`,
      aim: `${aim} (on a machine of its own)`,
      figures: `${tell(sealed)}; ${rate} of the calls in clear`,
    });
    expect(sealed.failed).toBe(0);
  }
});
