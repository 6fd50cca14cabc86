/**
 * T15: how many calls one process serves over memory and over Redis, beside the same calls in clear. The three
 * take turns, so that what else the machine does meets all of them; the best turn of each counts. Client and
 * Redis are on the same processors, so the time that each had of them is told too; all calls go over the same bare
 * node:http, without a real Response of the way's.
 */
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Transport } from '../../src/link/client/transport.ts';
import { type App, type Apps, startApps } from '../faults/long/apps.ts';
import { bareResponse, httpTransport } from '../faults/long/http-transport.ts';
import { judge, startLoad } from '../faults/long/load.ts';
import { report } from '../support/figures.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { lasting } from '../support/share.ts';

const CONNECTIONS = 64;
const CLIENTS = 8;
const BODY = 'x'.repeat(1000);
const TURNS = 4;
const TURN_MS = 3000;
/** Handshakes and first calls of a turn, which are not measured. */
const BEGIN_MS = 500;

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

interface Way {
  readonly app: App;
  readonly transport: Transport;
  readonly sealed: boolean;
}

/** One turn. */
async function measure({ app, transport, sealed }: Way): Promise<Measured> {
  const calls = CONNECTIONS / CLIENTS;
  const load = startLoad({ url: app.url, transport, clients: CLIENTS, calls, filler: BODY, sealed });
  await pause(BEGIN_MS);
  const [from, before, start] = [load.fates.length, await processorTimes(app), performance.now()];
  await pause(lasting(TURN_MS));
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
}

/** The best of several turns, with what failed in all of them. */
function best(turns: readonly Measured[]): Measured {
  const [fastest] = turns.toSorted((a, b) => b.perSecond - a.perSecond);
  if (fastest === undefined) throw new TypeError('no turn');
  const sum = (what: 'calls' | 'failed'): number => turns.reduce((total, turn) => total + turn[what], 0);
  return { ...fastest, calls: sum('calls'), failed: sum('failed') };
}

function tell({ perSecond, serverUs, clientUs, redisUs, p99Ms, calls, failed }: Measured): string {
  const each = [`server ${Math.round(serverUs)}`, `client ${Math.round(clientUs)}`];
  if (redisUs >= 1) each.push(`Redis ${Math.round(redisUs)}`);
  return `${Math.round(perSecond)} calls/s, p99 ${p99Ms} ms, ${failed} of ${calls} failed; of the processor for each: ${each.join(', ')} us`;
}

test('T15: throughput of one process over memory and over Redis, 64 connections, 1 KiB', async () => {
  // A process each: what one way has compiled and kept is in no other's figures.
  const [inClear, inMemory, inRedis] = await Promise.all([
    startApps(1, { logs: false }),
    startApps(1, { logs: false }),
    startApps(1, { logs: false, redis: redis.port }),
  ]);
  const { transport, close } = httpTransport(CONNECTIONS, bareResponse);
  const way = ({ apps }: Apps, sealed: boolean): Way => ({ app: apps[0] as App, transport, sealed });
  const ways = { plain: way(inClear, false), memory: way(inMemory, true), Redis: way(inRedis, true) };
  const turns: Record<keyof typeof ways, Measured[]> = { plain: [], memory: [], Redis: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    for (const kind of ['plain', 'memory', 'Redis'] as const) turns[kind].push(await measure(ways[kind]));
  }
  close();
  await Promise.all([inClear, inMemory, inRedis].map((apps) => apps.stop()));

  const done = `one process, ${CONNECTIONS} connections, 1 KiB each way, client on the same ${cpus().length} processors, best of ${TURNS} turns`;
  const plain = best(turns.plain);
  report({ target: 'T15', done: `${done}: in clear`, aim: 'to compare', figures: tell(plain) });
  for (const [kind, aim] of [
    ['memory', '4000 calls/s, p99 60 ms, 0 wrong'],
    ['Redis', '2500 calls/s, p99 150 ms, 0 wrong'],
  ] as const) {
    const sealed = best(turns[kind]);
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
