/**
 * T15: how many calls one process serves over memory and over Redis, beside the same calls in clear. The three
 * take turns, so that what else the machine does meets all of them; the best turn of each counts. Client and
 * Redis are on the same processors, so the time that each had of them is told too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, type Apps, startApps } from '../faults/long/apps.ts';
import { type Bundled, bundleForNode } from '../support/bundle.ts';
import { report } from '../support/figures.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { lasting } from '../support/share.ts';
import type { Mark, Order, Outcome } from './load-process.ts';

const CONNECTIONS = 64;
const CLIENTS = 8;
const BODY = 'x'.repeat(1000);
const TURNS = 4;
const TURN_MS = 3000;
/** Handshakes and first calls of a turn, which are not measured. */
const BEGIN_MS = 500;

let redis: RedisProcess;
let bundled: Bundled;
beforeAll(async () => {
  redis = await startRedis();
  bundled = await bundleForNode(new URL('load-process.ts', import.meta.url));
});
afterAll(async () => {
  await bundled?.remove();
  await redis?.stop();
});

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

/** The time that Redis has had of the processor so far, in microseconds. */
async function redisMicroseconds(): Promise<number> {
  const info = String(await redis.command('INFO', 'cpu'));
  const times = ['used_cpu_user', 'used_cpu_sys'].map(
    (name) => 1e6 * Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]),
  );
  return times.reduce((a, b) => a + b);
}

interface Way {
  readonly app: App;
  readonly sealed: boolean;
  /** The process that calls: one for each way, too. */
  readonly caller: ChildProcess;
}

async function ask<Answer>(caller: ChildProcess, order: Order): Promise<Answer> {
  const answer = once(caller, 'message');
  caller.send(order);
  return ((await answer) as [Answer])[0];
}

/** How far all of them are. */
async function look({ app, caller }: Way) {
  const client = await ask<Mark>(caller, 'mark');
  return { client, serverUs: await app.cpuMicroseconds(), redisUs: await redisMicroseconds() };
}

/** One turn. */
async function measure(way: Way): Promise<Measured> {
  const { app, sealed, caller } = way;
  const begin = { url: app.url, sealed, connections: CONNECTIONS, clients: CLIENTS, filler: BODY };
  caller.send({ begin } satisfies Order);
  await pause(BEGIN_MS);
  const before = await look(way);
  await pause(lasting(TURN_MS));
  const after = await look(way);
  const { p99Ms, failed } = await ask<Outcome>(caller, 'end');
  const calls = after.client.calls - before.client.calls;
  return {
    perSecond: calls / ((after.client.atMs - before.client.atMs) / 1000),
    serverUs: (after.serverUs - before.serverUs) / calls,
    clientUs: (after.client.microseconds - before.client.microseconds) / calls,
    redisUs: (after.redisUs - before.redisUs) / calls,
    p99Ms,
    calls,
    failed,
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
  const way = ({ apps }: Apps, sealed: boolean): Way => ({
    app: apps[0] as App,
    sealed,
    caller: fork(bundled.file),
  });
  const ways = { plain: way(inClear, false), memory: way(inMemory, true), Redis: way(inRedis, true) };
  const turns: Record<keyof typeof ways, Measured[]> = { plain: [], memory: [], Redis: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    for (const kind of ['plain', 'memory', 'Redis'] as const) turns[kind].push(await measure(ways[kind]));
  }
  for (const { caller } of Object.values(ways)) caller.disconnect();
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
